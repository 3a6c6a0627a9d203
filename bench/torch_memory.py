#!/usr/bin/env python3
"""How much memory PyTorch takes for a training step besides parameters, gradients and the batch.

    saved   what the forward pass keeps for the backward pass: distinct storages of saved tensors
    peak    most bytes alive at one moment of both passes: saved tensors and temporaries

Parameters, buffers, gradients and inputs count in neither. Workspaces inside a kernel are not seen, so the
figures are on the low side. Used by compare_memory.py; by hand:

    pip install torch==2.13.0      (in a virtual environment)
    python bench/torch_memory.py mlp-300-100
"""

import sys
import weakref
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FEATURES, CLASSES = 784, 10
# name: hidden units, activation, whether batch_norm stands in front of it, rate of the dropout behind it
NETS: dict[str, tuple[list[int], str, bool, float]] = {
    "mlp-300-100": ([300, 100], "elu", False, 0),
    "mlp-1024x3": ([1024] * 3, "elu", False, 0),
    "selu-20x100": ([100] * 20, "selu", False, 0),
    "elu-bn-20x100": ([100] * 20, "elu", True, 0),
    "mlp-300-100-dropout": ([300, 100], "elu", False, 0.1),
    "gelu-bn-20x100": ([100] * 20, "gelu", True, 0),
}
ACTIVATIONS = {"elu": nn.ELU, "selu": nn.SELU, "gelu": nn.GELU}


class Live(TorchDispatchMode):
    """Bytes of the storages that operations made and nobody has freed, moment by moment."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self.events: list[tuple[int, int]] = []  # (number of the storage, bytes made or freed)
        self.number: dict[int, int] = {}  # of living storages, by address

    def _gone(self, key: int, number: int, size: int) -> None:
        self.seen.discard(key)
        self.events.append((number, -size))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if not isinstance(tensor, torch.Tensor):
                continue
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key in known or key in self.seen or not size:
                continue
            number = len(self.events)
            self.seen.add(key)
            self.number[storage.data_ptr()] = number
            self.events.append((number, size))
            weakref.finalize(storage, self._gone, key, number, size)
        return out

    def peak(self, leave_out: set[int]) -> int:
        """Most bytes alive at once, without the storages of these numbers."""
        now = most = 0
        for number, size in self.events:
            if number not in leave_out:
                now += size
                most = max(most, now)
        return most


def build(name: str) -> nn.Sequential:
    hidden, activation, norm, rate = NETS[name]
    layers: list[nn.Module] = []
    for width, units in zip([FEATURES, *hidden], hidden):
        layers.append(nn.Linear(width, units))
        if norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(ACTIVATIONS[activation]())
        if rate:
            layers.append(nn.Dropout(rate))
    return nn.Sequential(*layers, nn.Linear(hidden[-1], CLASSES))


def measure(name: str, batch: int) -> dict[str, int]:
    """Bytes: saved and peak."""
    torch.manual_seed(1)
    model = build(name)
    x, labels = torch.randn(batch, FEATURES), torch.randint(0, CLASSES, (batch,))
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers(), x, labels]}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        F.cross_entropy(model(x), labels).backward()
    model.zero_grad()
    with Live() as live:
        F.cross_entropy(model(x), labels).backward()
    gradients = {live.number[p.grad.untyped_storage().data_ptr()] for p in model.parameters() if p.grad is not None}
    return {"saved": sum(saved.values()), "peak": live.peak(gradients)}


if __name__ == "__main__":
    for net in sys.argv[1:] or NETS:
        print(net, measure(net, 128))
