"""Fifty steps of the optimizers that search along a line, over one full batch.

A search decides by comparing losses, and near a minimum their rounding errors decide with it.  So every
case is run again with the rows in other orders and the first weights off by a rounding error, which
changes no more than rounding would: hyper-parameters under which PyTorch does not repeat itself to
STABLE that way are drawn again.  Without a
penalty the net would fit all rows, its weights would grow for ever, and nothing would repeat."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.optim.lbfgs import _strong_wolfe

from .cells import Draw
from .store import Array, Group, tensor
from .trajectories import STEPS, WIDTHS, Options, forward, initial, named

ROWS, ORDERS, STABLE = 40, 4, 3e-13

Objective = Any  # a closure that leaves the gradients and returns the loss


class Descent(torch.optim.Optimizer):
    """Steepest descent with PyTorch's strong-Wolfe search, c1 and c2 given."""

    def __init__(self, parameters: list[torch.Tensor], options: Options) -> None:
        super().__init__(parameters, {})
        self.parameters, self.options = parameters, options
        self.last: tuple[float, float] | None = None

    def flat(self) -> torch.Tensor:
        return torch.cat([p.grad.reshape(-1) for p in self.parameters])

    def place(self, start: list[torch.Tensor], t: float, d: torch.Tensor) -> None:
        at = 0
        with torch.no_grad():
            for p, w in zip(self.parameters, start):
                p.copy_(w + t * d[at:at + p.numel()].view_as(p))
                at += p.numel()

    def step(self, closure: Objective) -> torch.Tensor:  # type: ignore[override]
        o = self.options
        loss = first = closure().detach()
        gradient, evaluations = self.flat(), 1
        if gradient.abs().max() <= o["tolerance_grad"]:
            return first
        for _ in range(int(o["max_iter"])):
            d, f = -gradient, float(loss)
            slope = float(gradient.dot(d))
            if self.last is None:
                t = min(1.0, 1.0 / float(gradient.abs().sum())) * o["lr"]
            else:
                t = self.last[0] * self.last[1] / slope
            if slope > -o["tolerance_change"]:
                self.last = (t, self.last[1] if self.last else 0.0)
                break
            start = [p.detach().clone() for p in self.parameters]

            def objective(x: Any, t: float, d: torch.Tensor) -> tuple[float, torch.Tensor]:
                self.place(start, float(t), d)
                return float(closure().detach()), self.flat()

            loss, gradient, t, more = _strong_wolfe(
                objective, None, t, d, f, gradient, torch.tensor(slope), o["c1"], o["c2"],
                o["tolerance_change"], int(o["max_eval"]) - evaluations)
            t, evaluations = float(t), evaluations + more
            self.place(start, t, d)
            self.last = (t, slope)
            if (evaluations >= o["max_eval"] or gradient.abs().max() <= o["tolerance_grad"]
                    or t * d.abs().max() <= o["tolerance_change"]
                    or abs(float(loss) - f) < o["tolerance_change"]):
                break
        return first


def optimizer(name: str, parameters: list[torch.Tensor], o: Options) -> torch.optim.Optimizer:
    if name == "gradient_descent":
        return Descent(parameters, o)
    search = "strong_wolfe" if o["line_search"] == "strong_wolfe" else None
    return torch.optim.LBFGS(parameters, o["lr"], int(o["max_iter"]), int(o["max_eval"]),
                             o["tolerance_grad"], o["tolerance_change"], int(o["history"]), search)


def run(name: str, o: Options, more: Options, weights: list[Array], x: Array,
        labels: Array) -> dict[str, Any]:
    """The tensors of one case."""
    parameters = [torch.nn.Parameter(tensor(w)) for w in weights]
    rows, targets = tensor(x), torch.tensor(labels)
    penalty, decay = more.get("penalty", {}), more.get("decay", {}).get("coupled", 0.0)
    trained = parameters[2:] if "rules" in more else parameters

    def closure() -> torch.Tensor:
        for p in parameters:
            p.grad = None
        loss = torch.nn.functional.cross_entropy(forward(parameters, rows), targets)
        for p in trained[::2]:
            loss = loss + penalty.get("l2", 0.0) / 2 * (p * p).sum()
        for p in trained:
            loss = loss + decay / 2 * (p * p).sum()
        loss.backward()
        return loss

    search = optimizer(name, trained, o)
    losses = [float(search.step(closure).detach()) for _ in range(STEPS)]
    return {**named(parameters), "loss": losses}


def stable(got: dict[str, Any], again: dict[str, Any]) -> bool:
    """Whether two runs agree to what rounding alone may change."""
    return all(np.linalg.norm(np.subtract(got[k], again[k])) <= STABLE * np.linalg.norm(got[k])
               for k in got)


def lbfgs(d: Draw, search: str) -> Options:
    iterations = int(d(1, 3))
    return {"line_search": search, "history": float(int(d(2, 30))), "max_iter": float(iterations),
            "max_eval": float(int(d(2, 8)) * iterations + 1),
            "lr": d(0.3, 1.5) if search == "strong_wolfe" else d(0.03, 0.3),
            "tolerance_grad": d(1e-7, 1e-5), "tolerance_change": d(1e-9, 1e-7)}


def descent(d: Draw, _: str) -> Options:
    return {"max_iter": float(int(d(1, 4))), "max_eval": float(int(d(10, 40))), "lr": d(0.3, 3),
            "tolerance_grad": d(1e-7, 1e-5), "tolerance_change": d(1e-9, 1e-7),
            "c1": d(1e-5, 1e-2), "c2": d(0.1, 0.9)}


def cells() -> Iterator[tuple[str, str, Any, Options]]:
    """Optimizer, search, options, and what is around it."""
    frozen = {"rules": [{"match": "dense_1/*", "trainable": False}], "penalty": {"l2": 0.1}}
    for search in ("strong_wolfe", "none"):
        for around in ({"penalty": {"l2": 0.05}}, {"penalty": {"l2": 0.1}},
                       {"decay": {"coupled": 0.1}}, frozen):
            yield "lbfgs", search, lbfgs, around
    for around in ({"penalty": {"l2": 0.1}}, {"decay": {"coupled": 0.02}}, frozen):
        yield "gradient_descent", "strong_wolfe", descent, around


def make() -> Group:
    """All cells."""
    rng = np.random.default_rng(8)
    weights = initial(rng)
    x, labels = rng.normal(0, 1, (ROWS, WIDTHS[0])), rng.integers(0, WIDTHS[-1], ROWS)
    orders = [(rng.permutation(ROWS), [1 + rng.normal(0, 2e-16, w.shape) for w in weights])
              for _ in range(ORDERS)]
    group = Group()
    group.share("init", **named(torch.tensor(w) for w in weights))
    group.share("data", x=x, labels=labels)
    for i, (name, search, draw, more) in enumerate(cells()):
        for attempt in range(200):
            o = draw(Draw(name, search, str(i), str(attempt)), search)
            tensors = run(name, o, more, weights, x, labels)
            if all(stable(tensors, run(name, o, more, [w * e for w, e in zip(weights, errors)],
                                       x[order], labels[order])) for order, errors in orders):
                break
        else:
            raise RuntimeError(f"{name}: no stable case found")
        group.add({"name": f"{name}-torch-{i}", "framework": "torch", "optimizer": name, "options": o,
                   "schedule": "constant", "schedule_options": {}, "steps": STEPS, **more}, **tensors)
    return group
