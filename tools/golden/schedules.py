"""Learning-rate schedules, step by step."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import torch

from .store import Group

Options = dict[str, Any]
LR = torch.optim.lr_scheduler
K = keras.optimizers.schedules
STEPS = 200


def torch_one_cycle(optimizer: torch.optim.Optimizer, o: Options) -> Any:
    return LR.OneCycleLR(
        optimizer, max_lr=o["max"], total_steps=o["steps"], pct_start=o["pct"],
        anneal_strategy=o["anneal"], div_factor=o["div"], final_div_factor=o["final_div"],
        three_phase=o["three_phase"], base_momentum=o["base_momentum"],
        max_momentum=o["max_momentum"])


def torch_sequence(optimizer: torch.optim.Optimizer, o: Options) -> Any:
    parts = [TORCH[name](optimizer, options) for part in o["parts"]
             for name, options in part.items()]
    ends = np.cumsum(o["lengths"]).tolist()
    return LR.SequentialLR(optimizer, parts, ends)


# Each takes the optimizer (its lr is the initial rate) and the options.
TORCH: dict[str, Callable[[torch.optim.Optimizer, Options], Any]] = {
    "constant": lambda p, o: LR.LambdaLR(p, lambda t: 1.0),
    "exponential": lambda p, o: LR.ExponentialLR(p, o.get("factor", 0.1) ** (1 / o["s"])),
    "exp_decay": lambda p, o: LR.ExponentialLR(p, np.exp(-o["k"])),
    "one_cycle": torch_one_cycle,
    "step": lambda p, o: LR.StepLR(p, o["every"], o["factor"]),
    "piecewise": lambda p, o: LR.MultiStepLR(p, o["boundaries"], o["factor"]),
    "cosine": lambda p, o: LR.CosineAnnealingLR(p, o["steps"], o["end"]),
    "cosine_restarts": lambda p, o: LR.CosineAnnealingWarmRestarts(
        p, o["steps"], o["t_mul"], o["end"]),
    "polynomial": lambda p, o: LR.PolynomialLR(p, o["steps"], o["power"]),
    "cyclic": lambda p, o: LR.CyclicLR(
        p, o["lr"], o["max"], o["up"], o.get("down"), mode=o["mode"], gamma=o.get("gamma", 1.0),
        base_momentum=o["base_momentum"], max_momentum=o["max_momentum"]),
    "sequence": torch_sequence,
}

# Each takes the initial rate and the options.
KERAS: dict[str, Callable[[float, Options], Any]] = {
    "power": lambda lr, o: K.InverseTimeDecay(lr, o["s"], 1),
    "exponential": lambda lr, o: K.ExponentialDecay(
        lr, o["s"], o.get("factor", 0.1), o.get("staircase", False)),
    "exp_decay": lambda lr, o: K.ExponentialDecay(lr, 1, float(np.exp(-o["k"]))),
    "inverse_time": lambda lr, o: K.InverseTimeDecay(
        lr, o.get("s", 1), o["k"], o.get("staircase", False)),
    "piecewise": lambda lr, o: K.PiecewiseConstantDecay(o["boundaries"], o["values"]),
    "polynomial": lambda lr, o: K.PolynomialDecay(
        lr, o["steps"], o["end"], o["power"], o.get("cycle", False)),
    "cosine": lambda lr, o: K.CosineDecay(lr, o["steps"], o["floor"]),
    "cosine_restarts": lambda lr, o: K.CosineDecayRestarts(
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
    ("torch", "cosine", {"lr": 0.1, "steps": 200, "end": 0.0}),
    ("torch", "cosine_restarts", {"lr": 0.1, "steps": 20, "t_mul": 2, "end": 0.001}),
    ("torch", "cosine_restarts", {"lr": 0.1, "steps": 33, "t_mul": 1, "end": 0.0}),
    ("torch", "polynomial", {"lr": 0.1, "steps": 150, "power": 2.0}),
    ("torch", "cyclic", cyclic("triangular")),
    ("torch", "cyclic", cyclic("triangular2")),
    ("torch", "cyclic", cyclic("exp_range", gamma=0.99)),
    ("keras", "power", {"lr": 0.1, "s": 20}),
    ("keras", "inverse_time", {"lr": 0.1, "k": 0.05}),
    ("keras", "piecewise", {"lr": 0.1, "boundaries": [50, 120], "values": [0.1, 0.02, 0.003]}),
    ("keras", "polynomial", {"lr": 0.1, "steps": 150, "power": 1.0, "end": 1e-4}),
    ("keras", "polynomial", {"lr": 0.1, "steps": 60, "power": 0.5, "end": 0.01, "cycle": True}),
    ("keras", "cosine", {"lr": 0.1, "steps": 150, "floor": 0.01}),
    ("keras", "cosine_restarts", {"lr": 0.1, "steps": 20, "t_mul": 2.0, "m_mul": 0.9,
                                  "floor": 0.01}),
    ("torch", "sequence", {"lr": 0.1, "lengths": [37, 90], "parts": [
        {"constant": {}}, {"exp_decay": {"k": 0.013}}, {"step": {"every": 20, "factor": 0.5}}]}),
    ("torch", "sequence", {"lr": 0.1, "lengths": [20, 60], "parts": [
        {"polynomial": {"steps": 100, "power": 1.0}}, {"cosine": {"steps": 60, "end": 0.01}},
        {"cosine_restarts": {"steps": 10, "t_mul": 2, "end": 0.02}}]}),
]


def random_options(rng: np.random.Generator) -> list[tuple[str, str, Options]]:
    """Two random cases of every class, then one with a warm-up and one per epoch."""

    def real(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def whole(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    def rising(n: int) -> list[int]:
        return sorted(rng.choice(np.arange(5, 195), n, replace=False).tolist())

    def options(name: str, framework: str) -> Options:
        torch_too = framework == "torch"
        o: Options = {"lr": real(0.01, 1)}
        if name == "power":
            o |= {"s": real(1, 300)}
        elif name == "exponential":
            o |= {"s": real(3, 300), "factor": real(0.05, 0.95)}
            if not torch_too:
                o["staircase"] = bool(rng.integers(2))
        elif name == "exp_decay":
            o |= {"k": real(1e-3, 0.1)}
        elif name == "inverse_time":
            o |= {"k": real(1e-2, 3), "s": whole(1, 50), "staircase": bool(rng.integers(2))}
        elif name == "step":
            o |= {"every": whole(3, 90), "factor": real(0.05, 0.95)}
        elif name == "piecewise":
            n = whole(1, 5)
            o |= {"boundaries": rising(n)}
            o |= ({"factor": real(0.1, 0.9)} if torch_too
                  else {"values": [real(1e-3, 1) for _ in range(n + 1)]})
        elif name == "polynomial":
            o |= {"steps": whole(20, 260), "power": real(0.3, 4)}
            if not torch_too:
                o |= {"end": real(1e-5, 0.005), "cycle": bool(rng.integers(2))}
        elif name == "cosine":
            o |= {"steps": whole(20, 260)}
            o |= {"end": real(1e-5, 0.005)} if torch_too else {"floor": real(1e-3, 0.3)}
        elif name == "cosine_restarts":
            o |= {"steps": whole(5, 60)}
            o |= ({"t_mul": whole(1, 3), "end": real(1e-5, 0.005)} if torch_too
                  else {"t_mul": float(whole(2, 5)) / 2, "m_mul": real(0.5, 1.1),
                        "floor": real(1e-3, 0.3)})
        elif name == "cyclic":
            mode = ["triangular", "triangular2", "exp_range"][whole(0, 2)]
            o = cyclic(mode, lr=real(1e-4, 1e-2), max=real(0.02, 1), up=whole(2, 60),
                       gamma=real(0.9, 1), max_momentum=rng.uniform(0.8, 0.99),
                       base_momentum=rng.uniform(0.5, 0.8))
            if rng.integers(2):
                o["down"] = whole(2, 60)
            else:
                del o["down"]
        return o

    cases = []
    for framework, table in (("torch", TORCH), ("keras", KERAS)):
        for name in table:
            if name in ("constant", "one_cycle", "sequence"):
                continue
            cases += [(framework, name, options(name, framework)) for _ in range(2)]
            if name != "cyclic":
                warm = {"warmup": whole(3, 50), "warmup_from": rng.uniform(0.01, 0.6)}
                cases.append((framework, name, options(name, framework) | warm))
            cases.append((framework, name, options(name, framework) | {
                "per": "epoch", "epoch_steps": whole(2, 9)}))
    return cases


def torch_values(name: str, o: Options, steps: int) -> dict[str, list[float]]:
    """The rate, and the momentum where it is driven, of every step."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=o.get("lr", 1.0), momentum=0.5)
    schedule = TORCH[name](optimizer, o)
    if "warmup" in o:
        schedule = LR.SequentialLR(optimizer, [
            LR.LinearLR(optimizer, o["warmup_from"], total_iters=o["warmup"]), schedule],
            [o["warmup"]])
    values: dict[str, list[float]] = {"lr": [], "momentum": []}
    for t in range(steps):
        values["lr"].append(float(optimizer.param_groups[0]["lr"]))
        values["momentum"].append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        if t + 1 < steps and (t + 1) % o.get("epoch_steps", 1) == 0:
            schedule.step()
    if name not in ("one_cycle", "cyclic"):
        del values["momentum"]
    return values


class WarmUp(K.LearningRateSchedule):
    """The warm-up of keras.optimizers.schedules.CosineDecay, in front of any other."""

    def __init__(self, after: Any, o: Options) -> None:
        self.after, self.steps, self.start = after, o["warmup"], o["warmup_from"]

    def __call__(self, t: int) -> Any:
        if t >= self.steps:
            return self.after(t - self.steps)
        target = float(self.after(0))
        ramp = K.CosineDecay(self.start * target, 1, warmup_target=target, warmup_steps=self.steps)
        return ramp(keras.ops.convert_to_tensor(t))


def keras_values(name: str, o: Options, steps: int) -> dict[str, list[float]]:
    """The rate of every step."""
    schedule = KERAS[name](o["lr"], o)
    if "warmup" in o:
        schedule = WarmUp(schedule, o)
        return {"lr": [float(schedule(t)) for t in range(steps)]}
    step = keras.ops.convert_to_tensor
    return {"lr": [float(schedule(step(t // o.get("epoch_steps", 1)))) for t in range(steps)]}


def torch_plateau(o: Options, metric: list[float]) -> list[float]:
    """The rate of every epoch whose metric is judged at its end."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=o["lr"])
    schedule = LR.ReduceLROnPlateau(
        optimizer, o["mode"], o["factor"], int(o["patience"]), o["threshold"],
        o.get("threshold_mode", "relative")[:3], o["cooldown"], o["min_lr"])
    rates = []
    for value in metric:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        schedule.step(value)
    return rates


def keras_plateau(o: Options, metric: list[float]) -> list[float]:
    """Likewise."""
    optimizer = keras.optimizers.SGD(o["lr"])
    callback = keras.callbacks.ReduceLROnPlateau(
        "loss", o["factor"], int(o["patience"]), 0, o["mode"], o["threshold"], o["cooldown"],
        o["min_lr"])
    callback.set_model(SimpleNamespace(optimizer=optimizer, metrics=[]))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(metric):
        rates.append(float(optimizer.learning_rate.numpy()))
        callback.on_epoch_end(epoch, {"loss": value})
    return rates


def plateaus(rng: np.random.Generator) -> list[tuple[str, Options, list[float]]]:
    """framework, options, metric: a flat loss, then random ones in stairs and noise."""
    flat = {"lr": 1.0, "mode": "min", "factor": 0.5, "patience": 2, "cooldown": 2, "min_lr": 0.0,
            "threshold": 1e-4}
    cases = [(framework, flat, [1.0] * 20) for framework in ("keras", "torch")]
    for k in range(24):
        framework = ("keras", "torch")[k % 2]
        rising = k % 3 == 0
        o = {"lr": float(rng.uniform(0.1, 1)), "mode": "max" if rising else "min",
             "factor": float(rng.uniform(0.1, 0.9)), "patience": int(rng.integers(0, 6)),
             "cooldown": int(rng.integers(0, 5)), "min_lr": float(rng.choice([0.0, 0.003])),
             "threshold": float(rng.choice([1e-4, 0.02]))}
        if framework == "torch" and k % 4 == 1:
            o["threshold_mode"] = "absolute"
        drift = np.cumsum(rng.random(STEPS) < 0.12) * 0.05
        values = 3 - drift + rng.normal(0, (0, 0.01, 0.05)[k % 3], STEPS)
        cases.append((framework, o, (-values + 6 if rising else values).tolist()))
    return cases


def make() -> Group:
    """All cases of SCHEDULES, random ones, and performance scheduling."""
    group = Group()
    rng = np.random.default_rng(7)
    for i, (framework, name, options) in enumerate(SCHEDULES + random_options(rng)):
        values = torch_values if framework == "torch" else keras_values
        own = {k: v for k, v in options.items() if k != "epoch_steps"}
        group.add({"name": f"{name}-{framework}-{i}", "framework": framework, "schedule": name,
                   "schedule_options": own, "steps": STEPS,
                   "epoch_steps": options.get("epoch_steps", 0)}, **values(name, options, STEPS))
    for i, (framework, options, metric) in enumerate(plateaus(rng)):
        rates = torch_plateau if framework == "torch" else keras_plateau
        group.add({"name": f"performance-{framework}-{i}", "framework": framework,
                   "schedule": "performance", "schedule_options": options,
                   "steps": len(metric)}, metric=metric, lr=rates(options, metric))
    return group
