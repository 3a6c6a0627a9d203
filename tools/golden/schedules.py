"""Learning-rate schedules, step by step."""

from collections.abc import Callable
from typing import Any

import keras
import torch

from .store import Group

Options = dict[str, Any]
LR = torch.optim.lr_scheduler
STEPS = 200


def torch_one_cycle(optimizer: torch.optim.Optimizer, o: Options) -> Any:
    return LR.OneCycleLR(
        optimizer, max_lr=o["max"], total_steps=o["steps"], pct_start=o["pct"],
        anneal_strategy=o["anneal"], div_factor=o["div"], final_div_factor=o["final_div"],
        three_phase=o["three_phase"], base_momentum=o["base_momentum"],
        max_momentum=o["max_momentum"])


# Each takes the optimizer (its lr is the initial rate) and the options.
TORCH: dict[str, Callable[[torch.optim.Optimizer, Options], Any]] = {
    "constant": lambda p, o: LR.LambdaLR(p, lambda t: 1.0),
    "exponential": lambda p, o: LR.ExponentialLR(p, 0.1 ** (1 / o["s"])),
    "one_cycle": torch_one_cycle,
    "step": lambda p, o: LR.StepLR(p, o["every"], o["factor"]),
    "piecewise": lambda p, o: LR.MultiStepLR(p, o["boundaries"], o["factor"]),
    "cosine": lambda p, o: LR.CosineAnnealingLR(p, o["steps"], o["end"]),
    "cosine_restarts": lambda p, o: LR.CosineAnnealingWarmRestarts(
        p, o["steps"], o["t_mul"], o["end"]),
    "polynomial": lambda p, o: LR.PolynomialLR(p, o["steps"], o["power"]),
    "cyclic": lambda p, o: LR.CyclicLR(
        p, o["lr"], o["max"], o["up"], o["down"], mode=o["mode"], gamma=o.get("gamma", 1.0),
        base_momentum=o["base_momentum"], max_momentum=o["max_momentum"]),
}

# Each takes the initial rate and the options.
KERAS: dict[str, Callable[[float, Options], Any]] = {
    "exponential": lambda lr, o: keras.optimizers.schedules.ExponentialDecay(lr, o["s"], 0.1),
    "inverse_time": lambda lr, o: keras.optimizers.schedules.InverseTimeDecay(lr, 1, o["k"]),
    "piecewise": lambda lr, o: keras.optimizers.schedules.PiecewiseConstantDecay(
        o["boundaries"], o["values"]),
    "polynomial": lambda lr, o: keras.optimizers.schedules.PolynomialDecay(
        lr, o["steps"], o["end"], o["power"]),
    "cosine": lambda lr, o: keras.optimizers.schedules.CosineDecay(lr, o["steps"], o["floor"]),
    "cosine_restarts": lambda lr, o: keras.optimizers.schedules.CosineDecayRestarts(
        lr, o["steps"], o["t_mul"], o["m_mul"], o["floor"]),
}


def one_cycle(maximum: float, steps: int = STEPS, pct: float = 0.3, div: float = 25.0,
              final_div: float = 1e4, anneal: str = "cos", three_phase: bool = False,
              high: float = 0.95, low: float = 0.85) -> Options:
    """The options of one_cycle; the defaults are torch's."""
    return {"max": maximum, "steps": steps, "pct": pct, "div": div, "final_div": final_div,
            "anneal": anneal, "three_phase": three_phase, "max_momentum": high,
            "base_momentum": low}


def cyclic(mode: str, **more: float) -> Options:
    return {"lr": 0.001, "max": 0.01, "up": 23, "down": 31, "mode": mode,
            "max_momentum": 0.9, "base_momentum": 0.8, **more}


# framework, schedule, options
SCHEDULES: list[tuple[str, str, Options]] = [
    ("torch", "constant", {"lr": 0.0123}),
    ("torch", "exponential", {"lr": 0.01, "s": 200}),
    ("torch", "exponential", {"lr": 0.731, "s": 37.5}),
    ("keras", "exponential", {"lr": 0.01, "s": 200}),
    ("keras", "exponential", {"lr": 0.731, "s": 37}),
    ("torch", "one_cycle", one_cycle(0.01)),
    ("torch", "one_cycle", one_cycle(0.01, anneal="linear")),
    ("torch", "one_cycle", one_cycle(0.01, three_phase=True)),
    ("torch", "one_cycle", one_cycle(0.01, anneal="linear", three_phase=True)),
    ("torch", "one_cycle", one_cycle(0.37, pct=0.413, div=7.3, final_div=213.0)),
    ("torch", "one_cycle", one_cycle(0.37, pct=0.187, div=11.9, final_div=31.0, anneal="linear",
                                     high=0.97, low=0.71)),
    ("torch", "one_cycle", one_cycle(2.1, pct=0.317, div=3.7, final_div=1733.0, three_phase=True,
                                     high=0.91, low=0.6)),
    ("torch", "one_cycle", one_cycle(0.05, pct=0.443, div=19.3, final_div=57.0, anneal="linear",
                                     three_phase=True)),
    ("torch", "step", {"lr": 0.1, "every": 30, "factor": 0.5}),
    ("torch", "piecewise", {"lr": 0.1, "boundaries": [50, 120], "factor": 0.1}),
    ("torch", "cosine", {"lr": 0.1, "steps": 60, "end": 0.001}),
    ("torch", "cosine_restarts", {"lr": 0.1, "steps": 20, "t_mul": 2, "end": 0.001}),
    ("torch", "polynomial", {"lr": 0.1, "steps": 150, "power": 2.0}),
    ("torch", "cyclic", cyclic("triangular")),
    ("torch", "cyclic", cyclic("triangular2")),
    ("torch", "cyclic", cyclic("exp_range", gamma=0.99)),
    ("keras", "inverse_time", {"lr": 0.1, "k": 0.05}),
    ("keras", "piecewise", {"lr": 0.1, "boundaries": [50, 120], "values": [0.1, 0.02, 0.003]}),
    ("keras", "polynomial", {"lr": 0.1, "steps": 150, "power": 1.0, "end": 1e-4}),
    ("keras", "cosine", {"lr": 0.1, "steps": 150, "floor": 0.01}),
    ("keras", "cosine_restarts", {"lr": 0.1, "steps": 20, "t_mul": 2.0, "m_mul": 0.9,
                                  "floor": 0.01}),
]


def torch_values(name: str, o: Options, steps: int) -> dict[str, list[float]]:
    """The rate, and the momentum where it is driven, of every step."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=o.get("lr", 1.0), momentum=0.5)
    schedule = TORCH[name](optimizer, o)
    values: dict[str, list[float]] = {"lr": [], "momentum": []}
    for t in range(steps):
        values["lr"].append(float(optimizer.param_groups[0]["lr"]))
        values["momentum"].append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        if t + 1 < steps:
            schedule.step()
    if name not in ("one_cycle", "cyclic"):
        del values["momentum"]
    return values


def keras_values(name: str, o: Options, steps: int) -> dict[str, list[float]]:
    """The rate of every step."""
    schedule = KERAS[name](o["lr"], o)
    step = keras.ops.convert_to_tensor
    return {"lr": [float(schedule(step(t))) for t in range(steps)]}


def make() -> Group:
    """All cases of SCHEDULES."""
    group = Group()
    for i, (framework, name, options) in enumerate(SCHEDULES):
        values = torch_values if framework == "torch" else keras_values
        group.add({"name": f"{name}-{framework}-{i}", "framework": framework, "schedule": name,
                   "schedule_options": options, "steps": STEPS}, **values(name, options, STEPS))
    return group
