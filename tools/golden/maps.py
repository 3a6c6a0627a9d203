"""Element-wise activations: y = f(x) and dx = dy f'(x)."""

from collections.abc import Callable

import keras
import numpy as np
import torch
import torch.nn.functional as F

from .store import Group, tensor

Map = Callable[..., torch.Tensor]

# name, framework, function of x and the attributes, the attributes of each case
MAPS: list[tuple[str, str, Map, list[list[float]]]] = [
    ("linear", "torch", lambda x: x * 1.0, [[]]),
    ("relu", "torch", F.relu, [[]]),
    ("relu", "keras", keras.ops.relu, [[]]),
    ("leaky_relu", "torch", F.leaky_relu, [[0.01], [0.3], [0.1372], [1.5]]),
    ("leaky_relu", "keras", keras.ops.leaky_relu, [[0.3], [0.2]]),
    ("elu", "torch", F.elu, [[1.0], [0.4173], [1.7]]),
    ("elu", "keras", keras.ops.elu, [[1.0], [0.6]]),
    ("sigmoid", "torch", torch.sigmoid, [[]]),
    ("sigmoid", "keras", keras.ops.sigmoid, [[]]),
    ("tanh", "torch", torch.tanh, [[]]),
    ("tanh", "keras", keras.ops.tanh, [[]]),
    ("selu", "torch", F.selu, [[]]),
    ("softplus", "torch", F.softplus, [[]]),
    ("softsign", "torch", F.softsign, [[]]),
    # F.hardsigmoid's derivative is 1/6 rounded to float32, whatever the type
    ("hard_sigmoid", "torch", lambda x: F.relu6(x + 3) / 6, [[]]),
    ("relu6", "torch", F.relu6, [[]]),
    ("gelu", "torch", F.gelu, [[]]),
    ("gelu_tanh", "torch", lambda x: F.gelu(x, approximate="tanh"), [[]]),
    ("silu", "torch", F.silu, [[]]),
    ("mish", "torch", F.mish, [[]]),
    ("hard_swish", "torch", F.hardswish, [[]]),
    ("log_sigmoid", "torch", F.logsigmoid, [[]]),
]

SPECIAL = [0.0, 1e-12, -1e-12, 1e-3, -1e-3, 3.0, -3.0, 6.0, 21.0, 30.0, -30.0]
SHAPES = [(5, 7), (3, 13)]


def inputs(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Random numbers with the special values strewn in."""
    x = rng.normal(0, 2, shape)
    places = rng.permutation(x.size)[:len(SPECIAL)]
    x.flat[places] = SPECIAL
    return x


def make() -> Group:
    """All cases of MAPS."""
    group = Group()
    rng = np.random.default_rng(1)
    for name, framework, function, rows in MAPS:
        for i, attrs in enumerate(rows):
            shape = SHAPES[i % len(SHAPES)]
            x = tensor(inputs(rng, shape), grad=True)
            dy = tensor(rng.normal(0, 1, shape))
            y = function(x, *attrs)
            dx, = torch.autograd.grad(y, x, dy)
            group.add({"name": f"{name}-{framework}-{i}", "framework": framework,
                       "map": name, "attrs": attrs}, x=x, y=y, dy=dy, dx=dx)
    return group
