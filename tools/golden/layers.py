"""Layers without an activation: outputs, and gradients by inputs and parameters."""

import keras
import numpy as np
import torch

from .store import Group, tensor

# rows, in, out, without bias
DENSE = [(5, 7, 3, False), (1, 1, 1, False), (17, 33, 31, False), (6, 4, 9, True)]
# inputs' shapes
ADD = [[(5, 7)] * 2, [(3, 13)] * 4, [(2, 3, 4, 5)] * 2]
CONCAT = [[(5, 7), (5, 3)], [(4, 1), (4, 6), (4, 2), (4, 3)], [(2, 3, 3, 2), (2, 3, 3, 5)]]
FLATTEN = [(3, 4, 5, 2), (6, 7), (2, 1, 3)]


def dense(group: Group, rng: np.random.Generator) -> None:
    for i, (rows, width, units, no_bias) in enumerate(DENSE):
        layer = keras.layers.Dense(units, use_bias=not no_bias)
        layer.build((None, width))
        weights = [rng.normal(0, 1, (width, units)), rng.normal(0, 1, units)]
        layer.set_weights(weights[:1] if no_bias else weights)
        x = tensor(rng.normal(0, 1, (rows, width)), grad=True)
        dy = tensor(rng.normal(0, 1, (rows, units)))
        y = layer(x)
        parameters = [variable.value for variable in layer.trainable_variables]
        dx, dkernel, *dbias = torch.autograd.grad(y, [x, *parameters], dy)
        bias = {} if no_bias else {"bias": weights[1], "dbias": dbias[0]}
        group.add({"name": f"dense-{i}", "framework": "keras", "layer": "dense", "inputs": 1,
                   "no_bias": no_bias},
                  x=x, kernel=weights[0], y=y, dy=dy, dx=dx, dkernel=dkernel, **bias)


def merge(group: Group, rng: np.random.Generator, name: str, layer: keras.layers.Layer,
          rows: list[list[tuple[int, ...]]]) -> None:
    for i, shapes in enumerate(rows):
        inputs = [tensor(rng.normal(0, 1, shape), grad=True) for shape in shapes]
        y = layer(inputs)
        dy = tensor(rng.normal(0, 1, tuple(y.shape)))
        gradients = torch.autograd.grad(y, inputs, dy)
        case = {"name": f"{name}-{i}", "framework": "keras", "layer": name, "inputs": len(shapes)}
        if name == "concat":
            case["axis"] = -1
        group.add(case, y=y, dy=dy, **{f"x{k}": value for k, value in enumerate(inputs)},
                  **{f"dx{k}": value for k, value in enumerate(gradients)})


def flatten(group: Group, rng: np.random.Generator) -> None:
    for i, shape in enumerate(FLATTEN):
        x = tensor(rng.normal(0, 1, shape), grad=True)
        y = keras.layers.Flatten()(x)
        dy = tensor(rng.normal(0, 1, tuple(y.shape)))
        dx, = torch.autograd.grad(y, x, dy)
        group.add({"name": f"flatten-{i}", "framework": "keras", "layer": "flatten", "inputs": 1},
                  x=x, y=y, dy=dy, dx=dx)


def make() -> Group:
    """All cases of the tables above."""
    group = Group()
    rng = np.random.default_rng(3)
    dense(group, rng)
    merge(group, rng, "add", keras.layers.Add(), ADD)
    merge(group, rng, "concat", keras.layers.Concatenate(axis=-1), CONCAT)
    flatten(group, rng)
    return group
