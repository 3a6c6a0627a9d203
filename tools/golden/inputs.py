"""Weights of samples; and nets with several inputs and several weighted losses, trained by plain steps."""

import keras
import numpy as np
import torch
from torch.nn import functional

from .store import Array, Group, array, tensor

ROWS, COLUMNS = 7, 5


def torch_rows(loss: str, x: torch.Tensor, target: Array, options: dict[str, float]) -> torch.Tensor:
    """The loss of each row, means over the columns."""
    if loss == "softmax_cross_entropy":
        return functional.cross_entropy(x, torch.tensor(target), reduction="none",
                                        label_smoothing=options.get("label_smoothing", 0.0))
    function = {"mse": functional.mse_loss, "huber": functional.huber_loss,
                "binary_cross_entropy": functional.binary_cross_entropy_with_logits}[loss]
    return function(x, tensor(target), reduction="none").mean(1)


def keras_loss(loss: str, options: dict[str, float]) -> keras.losses.Loss:
    if loss == "softmax_cross_entropy":
        if options:
            return keras.losses.CategoricalCrossentropy(from_logits=True, **options)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {"mse": keras.losses.MeanSquaredError(), "huber": keras.losses.Huber(),
            "binary_cross_entropy": keras.losses.BinaryCrossentropy(from_logits=True)}[loss]


def weighted(group: Group, rng: np.random.Generator) -> None:
    """One loss over the input itself, its rows weighed."""
    for loss, options in [("softmax_cross_entropy", {}),
                          ("softmax_cross_entropy", {"label_smoothing": 0.2}), ("mse", {}),
                          ("huber", {}), ("binary_cross_entropy", {})]:
        for framework in "torch", "keras":
            values = rng.normal(0, 2, (ROWS, COLUMNS))
            target = rng.integers(0, COLUMNS, ROWS) if loss.startswith("softmax") else rng.random(
                (ROWS, COLUMNS))
            weights = rng.uniform(0, 3, ROWS)
            weights[2] = 0
            x = tensor(values, grad=True)
            if framework == "torch":
                result = (torch_rows(loss, x, target, options) * tensor(weights)).mean()
            else:
                wanted = torch.tensor(target)
                if options:
                    wanted = tensor(np.eye(COLUMNS)[target])
                result = keras_loss(loss, options)(wanted, x, sample_weight=tensor(weights))
            result.backward()
            assert x.grad is not None
            smooth = "-smooth" if options else ""
            group.add({"name": f"{framework}-{loss}{smooth}", "framework": framework, "loss": loss,
                       "options": options}, x=values, target=target.astype(np.float64),
                      weights=weights, loss=result.reshape(1), dx=x.grad)


# Rows, batch, epochs; the weights of the two losses; the rate.
SET, BATCH, EPOCHS = 12, 5, 4
LOSS_WEIGHTS = (0.7, 2.5)
RATE = 0.1


def two(group: Group, rng: np.random.Generator) -> None:
    """Inputs a and b through a dense tanh layer each, joined; heads kind (3 classes) and size."""
    a, b = rng.normal(0, 1, (SET, 3)), rng.normal(0, 1, (SET, 2))
    kind, size = rng.integers(0, 3, SET), rng.normal(0, 1, (SET, 2))
    weights = rng.uniform(0, 2, SET)
    shapes = {"left/kernel": (3, 5), "left/bias": (5,), "right/kernel": (2, 4), "right/bias": (4,),
              "kind_head/kernel": (9, 3), "kind_head/bias": (3,), "size_head/kernel": (9, 2),
              "size_head/bias": (2,)}
    start = {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
    w = {name: tensor(v, grad=True) for name, v in start.items()}

    def run(rows: slice) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        joined = torch.cat([torch.tanh(tensor(a[rows]) @ w["left/kernel"] + w["left/bias"]),
                            torch.tanh(tensor(b[rows]) @ w["right/kernel"] + w["right/bias"])], 1)
        logits = joined @ w["kind_head/kernel"] + w["kind_head/bias"]
        values = joined @ w["size_head/kernel"] + w["size_head/bias"]
        weight = tensor(weights[rows])
        return (functional.cross_entropy(logits, torch.tensor(kind[rows]), reduction="none") * weight,
                ((values - tensor(size[rows])) ** 2).mean(1) * weight, logits.softmax(1), values)

    history = []
    for _ in range(EPOCHS):
        sums = np.zeros(2)
        for first in range(0, SET, BATCH):
            rows = slice(first, min(first + BATCH, SET))
            losses = run(rows)[:2]
            sums += [float(v.detach().sum()) for v in losses]
            total = sum(f * v.mean() for f, v in zip(LOSS_WEIGHTS, losses))
            gradients = torch.autograd.grad(total, list(w.values()))
            with torch.no_grad():
                for v, g in zip(w.values(), gradients):
                    v -= RATE * g
        history.append(sums / SET)
    end = run(slice(0, SET))
    group.add({"name": "two", "framework": "torch", "batch": BATCH, "epochs": EPOCHS, "rate": RATE},
              a=a, b=b, kind=kind.astype(np.float64), size=size, weights=weights,
              loss_weights=list(LOSS_WEIGHTS), history=array(np.array(history)),
              after=[float(end[0].detach().mean()), float(end[1].detach().mean())], probabilities=end[2],
              values=end[3])
    group.share("two", **{f"start/{k}": v for k, v in start.items()})
    group.share("two", **{f"end/{k}": v for k, v in w.items()})


def make() -> Group:
    """All cases."""
    group = Group()
    rng = np.random.default_rng(11)
    weighted(group, rng)
    two(group, rng)
    return group
