"""Every optimizer with everything that can stand around it, under random hyper-parameters."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from . import schedules
from .store import Array, Group, tensor
from .trajectories import (PLAIN, RUN, STEPS, Options, Row, add_rows, cycle, exponential, forward,
                           named)


class Draw:
    """Random hyper-parameters, the same for the same cell whatever other cells there are."""

    def __init__(self, *names: str) -> None:
        self.rng = np.random.default_rng(zlib.crc32("/".join(names).encode()))

    def __call__(self, low: float, high: float) -> float:
        """Evenly on a logarithmic scale, four digits of it."""
        return float(f"{np.exp(self.rng.uniform(np.log(low), np.log(high))):.4g}")

    def share(self, low: float, high: float) -> float:
        """1 - x for such an x: decays near 1."""
        return float(f"{1 - self(1 - high, 1 - low):.6g}")

    def flag(self) -> bool:
        return bool(self.rng.integers(2))


def adam(d: Draw, low: float = 0.003, high: float = 0.03) -> Options:
    return {"lr": d(low, high), "beta1": d.share(0.7, 0.95), "beta2": d.share(0.9, 0.999),
            "eps": d(1e-7, 1e-4)}


def rmsprop(d: Draw) -> Options:
    return {"lr": d(0.001, 0.01), "rho": d.share(0.8, 0.98), "eps": d(1e-6, 1e-4),
            "momentum": d.share(0.4, 0.8) if d.flag() else 0.0, "centered": d.flag()}


# Options by optimizer; those that one framework alone has stand below.
OPTIONS: dict[str, Callable[[Draw], Options]] = {
    "sgd": lambda d: {"lr": d(0.03, 0.5)},
    "momentum": lambda d: {"lr": d(0.01, 0.1), "beta": d.share(0.7, 0.95), "dampening": 0.0},
    "nesterov": lambda d: {"lr": d(0.01, 0.1), "beta": d.share(0.7, 0.95)},
    "adagrad": lambda d: {"lr": d(0.02, 0.1), "initial_accumulator": d(0.01, 0.3),
                          "eps": d(1e-8, 1e-3)},
    "rmsprop": rmsprop,
    "adam": lambda d: {**adam(d), "amsgrad": d.flag()},
    "adamw": lambda d: {**adam(d), "amsgrad": d.flag(), "decay": d(0.003, 0.3)},
    "adamax": adam,
    "nadam": adam,
    "adadelta": lambda d: {"lr": d(0.3, 2), "rho": d.share(0.8, 0.98), "eps": d(1e-6, 1e-4)},
    "radam": lambda d: adam(d, 0.005, 0.05),
    "asgd": lambda d: {"lr": d(0.03, 0.3), "lambd": d(1e-4, 1e-2), "alpha": d(0.5, 1),
                       "t0": float(int(d(5, 40)))},
    "rprop": lambda d: {"lr": d(0.0005, 0.005), "eta_minus": d(0.3, 0.7), "eta_plus": d(1.1, 1.4),
                        "step_min": d(1e-6, 1e-5), "step_max": d(0.02, 0.1)},
    "lion": lambda d: {"lr": d(0.0005, 0.003), "beta1": d.share(0.8, 0.95),
                       "beta2": d.share(0.9, 0.99)},
    "ftrl": lambda d: {"lr": d(0.03, 0.3), "lr_power": -0.5 if d.flag() else -d(0.4, 0.7),
                       "initial_accumulator": d(0.05, 0.3), "l1": d(1e-4, 1e-2),
                       "l2": d(1e-4, 1e-2), "l2_shrinkage": d(1e-4, 1e-2), "beta": d(0.01, 1)},
    "lamb": lambda d: adam(d, 0.005, 0.03),
    "lars": lambda d: {"lr": d(0.5, 3), "beta": d.share(0.7, 0.95), "coefficient": d(0.003, 0.03),
                       "eps": d(1e-9, 1e-3), "decay": d(1e-3, 1e-1)},
}

FRAMEWORKS: dict[str, list[str]] = {
    "torch": ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "adamax",
              "nadam", "adadelta", "radam", "asgd", "rprop"],
    "keras": ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "adamax",
              "nadam", "adadelta", "lion", "ftrl", "lamb"],
    "numpy": ["lars"],
}
# Where no option or schedule of the framework reaches.
DRIVEN = {"momentum", "nesterov", "adam", "adamw", "adamax", "nadam", "radam", "lion", "lamb"}
OWN_DECAY = {"adamw", "lars"}


def options_of(name: str, framework: str, d: Draw) -> Options:
    """Random options, with those of one framework."""
    o = OPTIONS[name](d)
    if framework == "torch" and name == "momentum":
        o["dampening"] = d(0.1, 0.8) if d.flag() else 0.0
    if framework == "torch" and name == "adagrad":
        o["lr_decay"] = d(0.003, 0.1)
    if name == "nadam":
        o["psi"] = d(0.004, 0.5) if framework == "torch" else 1.0
    return o


def decays(name: str, framework: str) -> list[str]:
    """The kinds of weight decay the framework's optimizer has."""
    if name in OWN_DECAY or name == "rprop" or framework == "numpy":
        return []
    if framework == "keras":
        return ["decoupled"]
    return ["coupled", "decoupled"] if name in ("nadam", "radam") else ["coupled"]


def around(name: str, framework: str) -> Iterator[tuple[str, Callable[[Draw], Options]]]:
    """Cells by name: what stands around the optimizer."""
    yield "plain", lambda d: {}
    for kind in decays(name, framework):
        yield kind, lambda d, kind=kind: {"decay": {kind: d(0.003, 0.3)}}
    yield "value", lambda d: {"clip": {"value": d(0.01, 0.05)}}
    yield "norm", lambda d: {"clip": {"norm": d(0.05, 0.2)}}
    yield "global", lambda d: {"clip": {"global_norm": d(0.1, 0.4)}}
    if framework == "torch" and name in ("momentum", "adam"):
        for p in ("1", "inf"):
            yield "norm" + p, lambda d, p=p: {"clip": {"norm": d(0.05, 0.2), "p": p}}
            yield "global" + p, lambda d, p=p: {"clip": {"global_norm": d(0.05, 0.2), "p": p}}
    if framework != "keras":
        yield "factor", lambda d: {"rules": [{"match": "dense_2/*", "lr_factor": d(0.1, 3)}]}
    if framework == "keras":
        yield "penalty", lambda d: {"penalty": {"l1": d(1e-4, 1e-2), "l2": d(1e-3, 1e-1)}}

    def all_together(d: Draw) -> Options:
        more: Options = {"clip": {"global_norm": d(0.1, 0.4)}}
        for kind in decays(name, framework)[:1]:
            more["decay"] = {kind: d(0.003, 0.3)}
        if framework == "keras":
            more["penalty"] = {"l1": d(1e-4, 1e-2), "l2": d(1e-3, 1e-1)}
        else:
            more["rules"] = [{"match": "dense_1/*", "lr_factor": d(0.1, 3)},
                             {"match": "dense_3/*", "lr_factor": d(0.1, 3)}]
        return more

    yield "all", all_together


def rows() -> Iterator[Row]:
    """Every cell."""
    for framework, optimizers in FRAMEWORKS.items():
        for name in optimizers:
            for cell, more in around(name, framework):
                d = Draw(name, framework, cell)
                yield name, framework, options_of(name, framework, d), PLAIN, more(d)
            d = Draw(name, framework, "schedule")
            yield (name, framework, options_of(name, framework, d), exponential(d(30, 80)),
                   {"rules": [{"match": "dense_1/*", "lr_factor": d(0.1, 3)}]}
                   if framework == "torch" else {})
            if name in DRIVEN:
                d = Draw(name, framework, "cycle")
                o = options_of(name, framework, d)
                yield name, framework, o, cycle(2 * o["lr"], anneal=("cos", "linear")[d.flag()]), {}
    for i in range(4):
        d = Draw("rmsprop", "numpy", str(i))
        o = rmsprop(d) | {"centered": i % 2 == 1, "start_from_first": True,
                          "lr_in_buffer": ("no", "yes")[i // 2], "eps_place": "outside"}
        yield "rmsprop", "numpy", o, PLAIN, {}
    for form in ("yes", "no"):
        for cell in ("plain", "coupled", "decoupled", "global", "penalty", "schedule"):
            d = Draw("nesterov", "lookahead", form, cell)
            o = OPTIONS["nesterov"](d) | {"lookahead": True, "lr_in_buffer": form}
            more = {"plain": {}, "coupled": {"decay": {"coupled": d(0.003, 0.3)}},
                    "decoupled": {"decay": {"decoupled": d(0.003, 0.3)}},
                    "global": {"clip": {"global_norm": d(0.1, 0.4)}},
                    "penalty": {"penalty": {"l1": d(1e-4, 1e-2), "l2": d(1e-3, 1e-1)}},
                    "schedule": {"rules": [{"match": "dense_1/*", "lr_factor": d(0.1, 3)}]}}[cell]
            yield "nesterov", "numpy", o, exponential(40.0) if cell == "schedule" else PLAIN, more


# ---- optimizers of no framework ----

def lars_step(w: Array, g: Array, state: Options, o: Options, lr: float) -> Array:
    """You, Gitman and Ginsburg 2017, algorithm 1, with eps in the denominator."""
    w_norm, g_norm = np.linalg.norm(w), np.linalg.norm(g)
    trust = o["coefficient"] * w_norm / (g_norm + o["decay"] * w_norm + o["eps"])
    trust = trust if w_norm > 0 and g_norm > 0 else 1.0
    state["m"] = o["beta"] * state.get("m", 0.0) + lr * trust * (g + o["decay"] * w)
    return w - state["m"]


def rmsprop_step(w: Array, g: Array, state: Options, o: Options, lr: float) -> Array:
    """RMSprop whose average starts as the square of the first gradient, without epsilon."""
    rho = o["rho"]
    state["s"] = rho * state["s"] + (1 - rho) * g * g if "s" in state else g * g
    power = state["s"]
    if o["centered"]:
        state["mean"] = rho * state.get("mean", 0.0) + (1 - rho) * g
        power = power - state["mean"] ** 2
    step = np.divide(g, np.sqrt(power), out=np.zeros_like(g), where=power > 0)
    if o["momentum"] == 0:
        return w - lr * step
    inside = o["lr_in_buffer"] == "yes"
    state["m"] = o["momentum"] * state.get("m", 0.0) + (lr if inside else 1.0) * step
    return w - (1.0 if inside else lr) * state["m"]


def lookahead(w: Array, state: Options, o: Options, lr: float) -> Array:
    """Where Nesterov's gradient is taken: after the step that momentum alone would make."""
    if not o.get("lookahead"):
        return w
    return w + (1.0 if o["lr_in_buffer"] == "yes" else -lr) * o["beta"] * state.get("m", 0.0)


def lookahead_step(w: Array, g: Array, state: Options, o: Options, lr: float) -> Array:
    """Momentum's update, with the gradient from ahead."""
    inside = o["lr_in_buffer"] == "yes"
    state["m"] = o["beta"] * state.get("m", 0.0) + (-lr if inside else 1.0) * g
    return w + (1.0 if inside else -lr) * state["m"]


def numpy_clip(gradients: list[Array], clip: Options) -> list[Array]:
    """As Keras does."""
    if "value" in clip:
        return [np.clip(g, -clip["value"], clip["value"]) for g in gradients]
    if "norm" in clip:
        c = clip["norm"]
        return [g * (c / max(np.linalg.norm(g), c)) for g in gradients]
    if "global_norm" in clip:
        c = clip["global_norm"]
        norm = np.sqrt(sum(np.sum(g * g) for g in gradients))
        return [g * (c / max(norm, c)) for g in gradients]
    return gradients


def numpy_run(row: Row, weights: list[Array], x: Array, labels: Array) -> dict[str, Any]:
    """The tensors of one case: gradients by PyTorch, the update in NumPy."""
    name, _, o, (schedule, schedule_options), more = row
    step = {"lars": lars_step, "rmsprop": rmsprop_step, "nesterov": lookahead_step}[name]
    rates = schedules.torch_values(schedule, {**schedule_options, "lr": o["lr"]}, STEPS)["lr"]
    decay, penalty = more.get("decay", {}), more.get("penalty", {})
    factor = [1.0] * len(weights)
    for rule in more.get("rules", []):
        layer = int(rule["match"][len("dense_")]) - 1
        factor[2 * layer:2 * layer + 2] = [rule["lr_factor"]] * 2
    now = [w.copy() for w in weights]
    states: list[Options] = [{} for _ in now]
    tensors: dict[str, Any] = {}
    losses = []
    for t in range(STEPS):
        points = [lookahead(w, s, o, rates[t] * f) for w, s, f in zip(now, states, factor)]
        parameters = [tensor(w, grad=True) for w in points]
        loss = torch.nn.functional.cross_entropy(forward(parameters, tensor(x[t])),
                                                 torch.tensor(labels[t]))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients = [p.grad.numpy() for p in parameters]
        for i in range(0, len(points), 2):
            gradients[i] = gradients[i] + penalty.get("l1", 0.0) * np.sign(points[i])
            gradients[i] = gradients[i] + penalty.get("l2", 0.0) * points[i]
        gradients = numpy_clip(gradients, more.get("clip", {}))
        gradients = [g + decay.get("coupled", 0.0) * w for g, w in zip(gradients, points)]
        now = [step(w * (1 - rates[t] * f * decay.get("decoupled", 0.0)), g, s, o, rates[t] * f)
               for w, g, s, f in zip(now, gradients, states, factor)]
        if t == 0:
            tensors |= named([torch.tensor(w) for w in now], "_step1")
    return {**named([torch.tensor(w) for w in now]), **tensors, "loss": losses}


def make() -> Group:
    """All cells."""
    return add_rows(Group(), rows(), {**RUN, "numpy": numpy_run})
