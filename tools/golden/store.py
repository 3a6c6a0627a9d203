"""A group of golden cases, and how it becomes a safetensors file."""

import json
from typing import Any

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes
from safetensors.numpy import save

Array = np.ndarray


def use_float64() -> None:
    """Compute everything in float64, on one thread, so that equal seeds give equal bytes."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    # On this backend Keras takes every float64 result down to float32, whatever floatx says.
    # This table is where it does so; without its row the arithmetic stays in float64.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    if dtypes.result_type("float64", float) != "float64":
        raise RuntimeError("this Keras computes float64 in float32: its golden values are no use")


def tensor(values: Array, grad: bool = False) -> torch.Tensor:
    """A float64 torch tensor of its own memory."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def array(values: torch.Tensor | Array | list[float]) -> Array:
    """A float64 array, row major."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    return np.ascontiguousarray(values, dtype=np.float64)


class Group:
    """Cases (their parameters, for the header) and their tensors."""

    def __init__(self) -> None:
        self.cases: list[dict[str, Any]] = []
        self.tensors: dict[str, Array] = {}

    def share(self, prefix: str, **tensors: Any) -> None:
        """Add tensors that belong to no case, or to the case named prefix."""
        for name, values in tensors.items():
            key = f"{prefix}/{name}"
            if key in self.tensors:
                raise ValueError(f"two tensors named {key}")
            self.tensors[key] = array(values)
            if not np.isfinite(self.tensors[key]).all():
                raise ValueError(f"{key} is not finite")

    def add(self, case: dict[str, Any], **tensors: Any) -> None:
        """Add one case with its tensors."""
        if any(other["name"] == case["name"] for other in self.cases):
            raise ValueError(f"two cases named {case['name']}")
        self.cases.append(case)
        self.share(case["name"], **tensors)

    def to_bytes(self) -> bytes:
        """The safetensors file."""
        return save(self.tensors, metadata={"cases": json.dumps(self.cases)})
