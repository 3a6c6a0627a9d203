"""Losses: the value of each row, their reduction, and the gradient by the prediction."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
import torch.nn.functional as F

from .store import Group, tensor

Options = dict[str, Any]
# x, target, options, reduction ("mean", "sum", "none") -> the framework's own loss
Reduced = Callable[[torch.Tensor, torch.Tensor, Options, str], torch.Tensor]

KERAS_REDUCTION = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}


def torch_xent(x: torch.Tensor, target: torch.Tensor, o: Options, reduction: str) -> torch.Tensor:
    weights = tensor(np.array(o["weights"])) if "weights" in o else None
    return F.cross_entropy(x, target.long(), weight=weights, reduction=reduction,
                           label_smoothing=o.get("label_smoothing", 0.0),
                           ignore_index=o.get("ignore_index", -100))


def keras_xent(x: torch.Tensor, target: torch.Tensor, o: Options, reduction: str) -> torch.Tensor:
    if "label_smoothing" in o:
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=o["label_smoothing"],
            reduction=KERAS_REDUCTION[reduction])
        return loss(F.one_hot(target.long(), x.shape[1]).to(x.dtype), x)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=KERAS_REDUCTION[reduction])
    return loss(target.long(), x)


def of_torch(function: Callable[..., torch.Tensor], *names: str) -> Reduced:
    """A torch loss of values, with the options in names passed on."""
    return lambda x, target, o, reduction: function(
        x, target, reduction=reduction, **{name: o[name] for name in names})


def of_keras(loss: type, *names: str, **fixed: Any) -> Reduced:
    """A Keras loss of values, with the options in names passed on."""
    return lambda x, target, o, reduction: loss(
        reduction=KERAS_REDUCTION[reduction], **fixed, **{name: o[name] for name in names})(
            target, x)


def torch_distributions(x: torch.Tensor, target: torch.Tensor, o: Options,
                        reduction: str) -> torch.Tensor:
    weights = tensor(np.array(o["weights"])) if "weights" in o else None
    return F.cross_entropy(x, target, weight=weights, reduction=reduction,
                           label_smoothing=o.get("label_smoothing", 0.0))


def torch_nll(x: torch.Tensor, target: torch.Tensor, o: Options, reduction: str) -> torch.Tensor:
    weights = tensor(np.array(o["weights"])) if "weights" in o else None
    return F.nll_loss(x, target.long(), weight=weights, reduction=reduction,
                      ignore_index=o.get("ignore_index", -100))


def keras_weighted(x: torch.Tensor, target: torch.Tensor, o: Options,
                   reduction: str) -> torch.Tensor:
    """Class weights as fit(class_weight=) applies them: as weights of the samples."""
    one_hot = F.one_hot(target.long(), x.shape[1]).to(x.dtype)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=o.get("label_smoothing", 0.0),
        reduction=KERAS_REDUCTION[reduction])
    return loss(one_hot, x, sample_weight=tensor(np.array(o["weights"]))[target.long()])


def torch_bits(x: torch.Tensor, target: torch.Tensor, o: Options, reduction: str) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(x, target, reduction=reduction,
                                              pos_weight=tensor(np.array(o["positive_weight"])))


def torch_kl(x: torch.Tensor, target: torch.Tensor, o: Options, reduction: str) -> torch.Tensor:
    """Mean over the samples; "none" and "sum" as they are."""
    return F.kl_div(x, target, reduction="batchmean" if reduction == "mean" else reduction)


XENT, MSE = "softmax_cross_entropy", "mse"
CATEGORICAL = "categorical_cross_entropy"
W5 = [0.5, 1.0, 2.0, 0.25, 1.25]

# loss, framework, function, shape, kind of x and target, options
LOSSES: list[tuple[str, str, Reduced, tuple[int, int], str, Options]] = [
    (XENT, "torch", torch_xent, (6, 5), "labels", {}),
    (XENT, "torch", torch_xent, (11, 10), "labels", {}),
    (XENT, "torch", torch_xent, (4, 7), "large labels", {}),
    (XENT, "torch", torch_xent, (1, 2), "labels", {}),
    (XENT, "keras", keras_xent, (6, 5), "labels", {}),
    (XENT, "keras", keras_xent, (4, 7), "large labels", {}),
    (MSE, "torch", of_torch(F.mse_loss), (6, 5), "values", {}),
    (MSE, "torch", of_torch(F.mse_loss), (7, 1), "values", {}),
    (MSE, "keras", of_keras(keras.losses.MeanSquaredError), (6, 5), "values", {}),
    (MSE, "keras", of_keras(keras.losses.MeanSquaredError), (7, 1), "values", {}),
    (XENT, "torch", torch_xent, (6, 5), "labels", {"label_smoothing": 0.1}),
    (XENT, "torch", torch_xent, (9, 5), "labels", {"ignore_index": 2}),
    (XENT, "torch", torch_xent, (9, 5), "labels", {"weights": W5}),
    (XENT, "keras", keras_xent, (6, 5), "labels", {"label_smoothing": 0.1}),
    ("mae", "torch", of_torch(F.l1_loss), (6, 5), "values", {}),
    ("mae", "keras", of_keras(keras.losses.MeanAbsoluteError), (6, 5), "values", {}),
    ("huber", "torch", of_torch(F.huber_loss, "delta"), (6, 5), "values", {"delta": 1.0}),
    ("huber", "keras", of_keras(keras.losses.Huber, "delta"), (6, 5), "values", {"delta": 0.7}),
    ("binary_cross_entropy", "torch", of_torch(F.binary_cross_entropy_with_logits), (6, 5),
     "bits", {}),
    ("binary_cross_entropy", "keras",
     of_keras(keras.losses.BinaryCrossentropy, from_logits=True), (6, 5), "bits", {}),
    (XENT, "torch", torch_xent, (9, 5), "labels", {"weights": W5, "label_smoothing": 0.2}),
    (XENT, "torch", torch_xent, (11, 17), "labels", {"label_smoothing": 0.1, "ignore_index": 3}),
    (XENT, "torch", torch_xent, (9, 5), "labels", {"weights": W5, "ignore_index": 0}),
    (XENT, "keras", keras_weighted, (9, 5), "labels", {"weights": W5}),
    (XENT, "keras", keras_weighted, (9, 5), "labels", {"weights": W5, "label_smoothing": 0.2}),
    (CATEGORICAL, "torch", torch_distributions, (6, 5), "distributions", {}),
    (CATEGORICAL, "torch", torch_distributions, (5, 17), "distributions", {"label_smoothing": 0.1}),
    (CATEGORICAL, "torch", torch_distributions, (6, 5), "distributions", {"weights": W5}),
    (CATEGORICAL, "keras", of_keras(keras.losses.CategoricalCrossentropy, "label_smoothing",
                                    from_logits=True),
     (5, 17), "distributions", {"label_smoothing": 0.15}),
    ("nll", "torch", torch_nll, (6, 5), "log labels", {}),
    ("nll", "torch", torch_nll, (9, 5), "log labels", {"weights": W5}),
    ("nll", "torch", torch_nll, (9, 17), "log labels", {"ignore_index": 1}),
    ("binary_cross_entropy", "torch", of_torch(F.binary_cross_entropy_with_logits), (7, 1),
     "large bits", {}),
    ("binary_cross_entropy", "torch", torch_bits, (6, 5), "bits", {"positive_weight": 2.5}),
    ("binary_cross_entropy", "keras",
     of_keras(keras.losses.BinaryCrossentropy, "label_smoothing", from_logits=True), (6, 17),
     "bits", {"label_smoothing": 0.1}),
    ("hinge", "keras", of_keras(keras.losses.Hinge), (6, 5), "bits", {}),
    ("hinge", "keras", of_keras(keras.losses.Hinge), (6, 17), "signs", {}),
    ("hinge", "keras", of_keras(keras.losses.SquaredHinge), (6, 5), "signs", {"squared": True}),
    ("kl", "torch", torch_kl, (6, 5), "log distributions", {}),
    ("kl", "keras", of_keras(keras.losses.KLDivergence), (6, 17), "two distributions", {}),
    ("custom_loss", "keras", of_keras(keras.losses.LogCosh), (6, 5), "values",
     {"function": "log_cosh"}),
]


def distribution(x: np.ndarray) -> np.ndarray:
    """Rows of probabilities."""
    p = np.exp(x)
    return p / p.sum(1, keepdims=True)


def draw(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """x and target; 'large' logits overflow exp() unless their maximum is taken off."""
    x = rng.normal(0, 2, shape)
    if kind == "values":
        return x, rng.normal(0, 2, shape)
    if kind == "bits":
        return x, rng.integers(0, 2, shape).astype(np.float64)
    if kind == "signs":
        return x, rng.integers(0, 2, shape).astype(np.float64) * 2 - 1
    if kind == "large bits":
        return x * 60, rng.integers(0, 2, shape).astype(np.float64)
    if "distributions" in kind:
        target = distribution(rng.normal(0, 1, shape))
        target[0] = np.eye(shape[1])[1]
        if kind == "distributions":
            return x, target
        return (np.log(distribution(x)) if kind == "log distributions" else distribution(x)), target
    if kind == "large labels":
        x = x * 60 + 1000
    if kind == "log labels":
        x = np.log(distribution(x))
    return x, rng.integers(0, shape[1], shape[0]).astype(np.float64)


def by_row(values: torch.Tensor, reduction: str) -> torch.Tensor:
    """Unreduced losses, reduced over the columns where the framework kept them."""
    if values.ndim == 1:
        return values
    return values.mean(1) if reduction == "mean" else values.sum(1)


def make() -> Group:
    """All cases of LOSSES, with both reductions."""
    group = Group()
    rng = np.random.default_rng(2)
    for i, (loss, framework, function, shape, kind, options) in enumerate(LOSSES):
        numbers, target_numbers = draw(rng, kind, shape)
        for reduction in ("mean", "sum"):
            x = tensor(numbers, grad=True)
            target = tensor(target_numbers)
            value = function(x, target, options, reduction)
            dx, = torch.autograd.grad(value, x)
            mean = reduction == "mean" and loss != "kl"  # kl's features are summed
            rows = by_row(function(x, target, options, "none"), "mean" if mean else "sum")
            group.add({"name": f"{loss}-{framework}-{i}-{reduction}", "framework": framework,
                       "loss": loss, "reduction": reduction, "options": options},
                      x=x, target=target, rows=rows, loss=value.reshape(1), dx=dx)
    return group
