"""Normalisation: training, gradients, running statistics after one and three steps, test mode."""

from typing import Any

import keras
import numpy as np
import torch

from .store import Group, tensor

STEPS = 3

# Shapes are channels last; torch's are moved for it and back. 525 and 528 rows are many: they go another way.
# Sixteen groups of one vector or two of a CPU are short.
BATCH_KERAS = [((6, 7), {}), ((4, 5, 3), {"no_scale": True, "eps": 1e-5}), ((3, 4, 2, 16), {"no_shift": True}),
               ((21, 5, 5, 7), {"momentum": .6}), ((1, 9), {})]
BATCH_TORCH = [((5, 17), {"eps": 1e-3, "momentum": .7}), ((4, 5, 3), {"no_scale": True, "no_shift": True}),
               ((22, 6, 4, 2), {"statistics": "cumulative"}), ((7, 33), {})]
# Each case of one framework: these in turn.
LAYER = [((5, 7), {}), ((4, 33), {}), ((3, 4, 16), {"eps": 1e-4}), ((2, 3, 9), {"no_scale": True, "no_shift": True}),
         ((2, 3, 2, 100), {"no_shift": True}), ((19, 40), {})]
AXES = [((4, 3, 5), {"axes": 2}), ((3, 2, 4, 16), {"axes": 3, "no_shift": True}), ((5, 4, 3, 9), {"axes": 2, "eps": 1e-4}),
        ((2, 6, 33), {"axes": 2})]
RMS = [((5, 7), {}), ((2, 3, 4, 16), {"no_scale": True}), ((3, 100), {"eps": 1e-4})]
GROUP = [((4, 6, 12), {"groups": 3}), ((5, 8), {"groups": 2}), ((2, 3, 3, 48), {"groups": 2, "eps": 1e-4}),
         ((3, 4, 2, 6), {"groups": 6}), ((2, 5, 34), {"groups": 2, "no_shift": True}), ((3, 64), {"groups": 2}),
         ((2, 3, 4, 10), {"groups": 1, "no_scale": True}), ((3, 20, 90), {"groups": 18}),
         ((2, 256), {"groups": 16}), ((3, 512), {"groups": 16})]
INSTANCE = [((4, 5, 7), {}), ((2, 3, 4, 33), {"no_scale": True, "no_shift": True, "eps": 1e-3})]

def first(x: torch.Tensor) -> torch.Tensor:
    """Channels first."""
    return x if x.dim() == 2 else torch.movedim(x, -1, 1)


def last(x: torch.Tensor) -> torch.Tensor:
    return x if x.dim() == 2 else torch.movedim(x, 1, -1)


def run(group: Group, rng: np.random.Generator, case: dict[str, Any], shape: tuple[int, ...], call: Any,
        parameters: dict[str, torch.Tensor], statistics: Any = None) -> None:
    """One case: call(x, training) is the layer, statistics() gives its moving mean and variance."""
    xs = [tensor(rng.normal(.5, 2, shape), grad=True) for _ in range(STEPS)]
    dy = tensor(rng.normal(0, 1, shape))
    names = list(parameters)
    y = call(xs[0], True)
    dx, *gradients = torch.autograd.grad(y, [xs[0], *parameters.values()], dy)
    out = {"x0": xs[0], "dy": dy, "y": y, "dx": dx, **parameters,
           **{f"d{name}": value for name, value in zip(names, gradients)}}
    if statistics:
        for step in range(STEPS):
            if step:
                call(xs[step], True)
                out[f"x{step}"] = xs[step]
            if step in (0, STEPS - 1):
                mean, variance = statistics()
                out[f"mean{step + 1}"] = mean.detach().clone()
                out[f"variance{step + 1}"] = variance.detach().clone()
        out["test"] = call(xs[0], False)
    group.add(case, **out)


def keras_case(group: Group, rng: np.random.Generator, kind: str, i: int, shape: tuple[int, ...],
               options: dict[str, Any], layer: keras.layers.Layer) -> None:
    layer.build(shape)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(1, .5, tuple(variable.shape)))
    parameters = {"gamma" if v.name in ("gamma", "scale") else "beta": v.value for v in layer.trainable_variables}
    statistics = None
    if kind == "batch_norm":
        statistics = lambda: (layer.moving_mean.value, layer.moving_variance.value)
        call = lambda x, training: layer(x, training=training)
    else:
        call = lambda x, training: layer(x)
    run(group, rng, {"name": f"{kind}-keras-{i}", "framework": "keras", "layer": kind, "options": options},
        shape, call, parameters, statistics)


def torch_case(group: Group, rng: np.random.Generator, kind: str, i: int, shape: tuple[int, ...],
               options: dict[str, Any], module: torch.nn.Module, moved: bool) -> None:
    parameters = {}
    for name, parameter in (("gamma", module.weight), ("beta", getattr(module, "bias", None))):
        if parameter is not None and not options.get({"gamma": "no_scale", "beta": "no_shift"}[name]):
            with torch.no_grad():
                parameter.copy_(tensor(rng.normal(1, .5, tuple(parameter.shape))))
            parameters[name] = parameter

    def call(x: torch.Tensor, training: bool) -> torch.Tensor:
        module.train(training)
        return last(module(first(x))) if moved else module(x)

    statistics = (lambda: (module.running_mean, module.running_var)) if kind == "batch_norm" else None
    run(group, rng, {"name": f"{kind}-torch-{i}", "framework": "torch", "layer": kind, "options": options},
        shape, call, parameters, statistics)


def with_keras(group: Group, rng: np.random.Generator) -> None:
    def given(options: dict[str, Any]) -> dict[str, Any]:
        return {"scale": not options.get("no_scale"), "center": not options.get("no_shift"),
                **({"epsilon": options["eps"]} if "eps" in options else {})}

    for i, (shape, options) in enumerate(BATCH_KERAS):
        momentum = {"momentum": options["momentum"]} if "momentum" in options else {}
        keras_case(group, rng, "batch_norm", i, shape, options,
                   keras.layers.BatchNormalization(**given(options), **momentum))
    for i, (shape, options) in list(enumerate(LAYER))[::2]:
        keras_case(group, rng, "layer_norm", i, shape, options, keras.layers.LayerNormalization(**given(options)))
    for i, (shape, options) in list(enumerate(RMS))[::2]:
        epsilon = {"epsilon": options["eps"]} if "eps" in options else {}
        keras_case(group, rng, "rms_norm", i, shape, options, keras.layers.RMSNormalization(**epsilon))
    for i, (shape, options) in list(enumerate(GROUP))[::2]:
        keras_case(group, rng, "group_norm", i, shape, options,
                   keras.layers.GroupNormalization(groups=options["groups"], **given(options)))


def with_torch(group: Group, rng: np.random.Generator) -> None:
    def eps(options: dict[str, Any]) -> dict[str, Any]:
        return {"eps": options["eps"]} if "eps" in options else {}

    batch = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}
    instance = {3: torch.nn.InstanceNorm1d, 4: torch.nn.InstanceNorm2d}
    for i, (shape, options) in enumerate(BATCH_TORCH):
        momentum: dict[str, Any] = {"momentum": 1 - options["momentum"]} if "momentum" in options else {}
        if options.get("statistics") == "cumulative":
            momentum = {"momentum": None}
        torch_case(group, rng, "batch_norm", i, shape, options,
                   batch[len(shape)](shape[-1], affine=not options.get("no_scale"), **eps(options), **momentum),
                   True)
    for i, (shape, options) in list(enumerate(LAYER))[1::2]:
        affine = not (options.get("no_scale") and options.get("no_shift"))
        torch_case(group, rng, "layer_norm", i, shape, options,
                   torch.nn.LayerNorm(shape[-1], elementwise_affine=affine, bias=not options.get("no_shift"),
                                      **eps(options)), False)
    for i, (shape, options) in list(enumerate(RMS))[1::2]:
        module = torch.nn.RMSNorm(shape[-1], elementwise_affine=not options.get("no_scale"),
                                  eps=options.get("eps", 1e-6))
        torch_case(group, rng, "rms_norm", i, shape, options, module, False)
    for i, (shape, options) in list(enumerate(GROUP))[1::2]:
        torch_case(group, rng, "group_norm", i, shape, options,
                   torch.nn.GroupNorm(options["groups"], shape[-1], **eps(options)), True)
    for i, (shape, options) in enumerate(INSTANCE):
        torch_case(group, rng, "instance_norm", i, shape, options,
                   instance[len(shape)](shape[-1], affine=not options.get("no_scale"), **eps(options)), True)


def with_axes(group: Group, rng: np.random.Generator) -> None:
    """layer_norm over several of the last axes, in turns by Keras and by PyTorch."""
    for i, (shape, options) in enumerate(AXES):
        eps, bias, axes = options.get("eps"), not options.get("no_shift"), options["axes"]
        if i % 2 == 0:
            keras_case(group, rng, "layer_norm", len(LAYER) + i, shape, options,
                       keras.layers.LayerNormalization(axis=list(range(-axes, 0)), center=bias,
                                                       **({"epsilon": eps} if eps else {})))
        else:
            torch_case(group, rng, "layer_norm", len(LAYER) + i, shape, options,
                       torch.nn.LayerNorm(shape[-axes:], bias=bias, **({"eps": eps} if eps else {})), False)


def make() -> Group:
    """All cases of the tables above."""
    group = Group()
    rng = np.random.default_rng(5)
    with_keras(group, rng)
    with_torch(group, rng)
    with_axes(group, rng)
    return group
