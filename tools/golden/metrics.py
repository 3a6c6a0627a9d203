"""Metrics of whole data sets, as Keras counts them."""

import keras
import numpy as np
import torch

from .store import Group, tensor

# rows, classes, k
CLASSES = [(97, 7, 3), (64, 3, 1), (201, 12, 5)]
# rows, outputs, mean of the targets (far from 0: what a sum of squares loses)
VALUES = [(83, 3, 0.0), (41, 1, 1000.0), (150, 17, -30.0)]


def result(metric: keras.metrics.Metric, target: torch.Tensor, x: torch.Tensor) -> float:
    metric.update_state(target, x)
    return float(metric.result())


def classes(group: Group, rng: np.random.Generator) -> None:
    for i, (rows, n, k) in enumerate(CLASSES):
        labels = rng.permutation(np.arange(rows) % n)
        x = rng.normal(0, 1, (rows, n))
        x[np.arange(rows), labels] += 1.5
        predicted = x.argmax(1)
        matrix = torch.bincount(torch.tensor(labels * n + predicted), minlength=n * n).double()
        one_hot = tensor(np.eye(n)[labels])
        top_k = result(keras.metrics.TopKCategoricalAccuracy(k=k), one_hot, tensor(x))
        accuracy = result(keras.metrics.CategoricalAccuracy(), one_hot, tensor(x))
        f1 = keras.metrics.F1Score(average=None)
        f1.update_state(one_hot, tensor(x))
        precision = [result(keras.metrics.Precision(class_id=c), one_hot,
                            tensor(np.eye(n)[predicted])) for c in range(n)]
        recall = [result(keras.metrics.Recall(class_id=c), one_hot,
                         tensor(np.eye(n)[predicted])) for c in range(n)]
        group.add({"name": f"classes-{i}", "framework": "keras", "kind": "classes", "k": k},
                  x=x, target=labels.astype(np.float64), confusion=matrix.reshape(n, n),
                  precision=precision, recall=recall, f1=f1.result(),
                  scores=[accuracy, top_k])


def values(group: Group, rng: np.random.Generator) -> None:
    for i, (rows, n, mean) in enumerate(VALUES):
        target = rng.normal(mean, 1, (rows, n)) * np.linspace(0.5, 2, n)
        x = target + rng.normal(0, 0.5, (rows, n))
        rmse = result(keras.metrics.RootMeanSquaredError(), tensor(target), tensor(x))
        errors = ((x - target) ** 2).sum(0)
        r2 = float((1 - errors / ((target - target.mean(0)) ** 2).sum(0)).mean())
        # Keras takes the square of the mean off the mean of the squares, which costs digits
        if abs(r2 - result(keras.metrics.R2Score(), tensor(target), tensor(x))) > 1e-8:
            raise RuntimeError("this Keras has another r2")
        group.add({"name": f"values-{i}", "framework": "keras", "kind": "values"},
                  x=x, target=target, scores=[rmse, r2])


def make() -> Group:
    """All cases of the tables above."""
    group = Group()
    rng = np.random.default_rng(7)
    classes(group, rng)
    values(group, rng)
    return group
