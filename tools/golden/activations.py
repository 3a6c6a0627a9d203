"""Activations that are layers: along an axis, or with parameters of their own."""

from typing import Any

import keras
import numpy as np
import torch
import torch.nn.functional as F

from .store import Group, tensor

# layer, framework, shape, options; prelu: which axes share an alpha
SOFTMAX = [("keras", (5, 7), 1.0), ("torch", (4, 33), 1.0), ("torch", (2, 3, 5), 1.0),
           ("torch", (3, 17), 8.0), ("torch", (2, 1), 1.0)]
PRELU = [((5, 7), "element", []), ((3, 4, 5, 3), "element", []), ((3, 4, 5, 17), "channel", [1, 2]),
         ((3, 4, 5, 3), "one", [1, 2, 3]), ((6, 17), "one", [1])]
MAXOUT = [((5, 12), 3), ((2, 3, 34), 2), ((7, 5), 5), ((3, 4), 4)]


def softmax(group: Group, rng: np.random.Generator, logarithm: bool) -> None:
    name = "log_softmax" if logarithm else "softmax"
    for i, (framework, shape, scale) in enumerate(SOFTMAX):
        x = tensor(rng.normal(0, scale, shape), grad=True)
        dy = tensor(rng.normal(0, 1, shape))
        if framework == "keras":
            y = keras.ops.log_softmax(x) if logarithm else keras.layers.Softmax()(x)
        else:
            y = F.log_softmax(x, -1) if logarithm else F.softmax(x, -1)
        dx, = torch.autograd.grad(y, x, dy)
        group.add({"name": f"{name}-{i}", "framework": framework, "layer": name, "options": {}},
                  x=x, y=y, dy=dy, dx=dx)


def prelu(group: Group, rng: np.random.Generator) -> None:
    for i, (shape, share, axes) in enumerate(PRELU):
        layer = keras.layers.PReLU(shared_axes=axes or None)
        layer.build((None, *shape[1:]))
        alpha = rng.normal(0, 1, layer.alpha.shape)
        layer.set_weights([alpha])
        x = tensor(rng.normal(0, 1, shape), grad=True)
        dy = tensor(rng.normal(0, 1, shape))
        y = layer(x)
        dx, dalpha = torch.autograd.grad(y, [x, layer.alpha.value], dy)
        group.add({"name": f"prelu-{i}", "framework": "keras", "layer": "prelu",
                   "options": {"share": share}}, x=x, y=y, dy=dy, dx=dx, alpha=alpha, dalpha=dalpha)


def maxout(group: Group, rng: np.random.Generator) -> None:
    for i, (shape, pieces) in enumerate(MAXOUT):
        x = tensor(rng.normal(0, 1, shape), grad=True)
        y = x.reshape(*shape[:-1], shape[-1] // pieces, pieces).max(-1).values
        dy = tensor(rng.normal(0, 1, tuple(y.shape)))
        dx, = torch.autograd.grad(y, x, dy)
        options: dict[str, Any] = {"pieces": pieces}
        group.add({"name": f"maxout-{i}", "framework": "torch", "layer": "maxout",
                   "options": options}, x=x, y=y, dy=dy, dx=dx)


def make() -> Group:
    """All cases of the tables above."""
    group = Group()
    rng = np.random.default_rng(6)
    softmax(group, rng, False)
    softmax(group, rng, True)
    prelu(group, rng)
    maxout(group, rng)
    return group
