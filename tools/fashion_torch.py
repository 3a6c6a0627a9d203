#!/usr/bin/env python3
"""Train the demo's network on Fashion-MNIST with PyTorch: the same experiment, another engine.

Data: the four IDX files of Debian's package dataset-fashion-mnist (contrib), or any folder with
them.  The last images of the training part are kept for validation, pixels are standardised with
the mean and deviation of the rest, and nothing else is done to them.  Weights start as Keras
starts them (he_normal and glorot_uniform, the former cut at two deviations; biases 0).

Run in a virtual environment with torch==2.13.0 and numpy:

    pip install torch==2.13.0 numpy
    python tools/fashion_torch.py --seeds 3 --verbose
"""

import argparse
import gzip
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

Split = tuple[torch.Tensor, torch.Tensor]


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of bytes, gzipped: 0, 0, 8, dimensions, their big-endian sizes, the bytes."""
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise SystemExit(f"{path}: not an IDX file of bytes")
    count = data[3]
    shape = np.frombuffer(data, ">u4", count, 4)
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * count).reshape(shape)


def load(folder: Path, validation: int, floor: float) -> tuple[Split, Split, Split]:
    """Training, validation and test part, standardised by the training part."""
    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        images = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
        return images.reshape(len(images), -1).astype(np.float64), labels

    train_x, train_y = part("train")
    test_x, test_y = part("t10k")
    kept = len(train_x) - validation
    mean, deviation = train_x[:kept].mean(0), train_x[:kept].std(0)
    if floor > 0:
        deviation = np.maximum(deviation, floor)
    else:
        deviation = np.where(deviation == 0, 1, deviation)

    def tensors(x: np.ndarray, y: np.ndarray) -> Split:
        x = ((x - mean) / deviation).astype(np.float32)
        return torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))

    return (tensors(train_x[:kept], train_y[:kept]), tensors(train_x[kept:], train_y[kept:]),
            tensors(test_x, test_y))


def dense(width: int, units: int, init: str) -> nn.Linear:
    """A dense layer as Keras starts it."""
    layer = nn.Linear(width, units)
    nn.init.zeros_(layer.bias)
    if init == "he_normal":
        deviation = math.sqrt(2 / width) / 0.87962566103423978
        nn.init.trunc_normal_(layer.weight, 0, deviation, -2 * deviation, 2 * deviation)
    else:
        nn.init.xavier_uniform_(layer.weight)
    return layer


def build(sizes: list[int], activation: str, dropout: float, inputs: int = 784,
          classes: int = 10) -> nn.Sequential:
    """inputs -> sizes, each with its activation and dropout -> classes."""
    layers: list[nn.Module] = []
    for width, units in zip([inputs, *sizes], sizes):
        layers += [dense(width, units, "he_normal"), nn.ELU() if activation == "elu" else nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, dense(sizes[-1], classes, "glorot_uniform"))


def make_optimizer(name: str, model: nn.Module, lr: float, momentum: float,
                   decay: float) -> torch.optim.Optimizer:
    """The optimizer with the hyper-parameters of Keras; decay leaves out the biases."""
    parameters = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
                  {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    if name == "sgd":
        return torch.optim.SGD(parameters, lr)
    if name == "momentum":
        return torch.optim.SGD(parameters, lr, momentum)
    if name == "nadam":
        return torch.optim.NAdam(parameters, lr, eps=1e-7, momentum_decay=1.0)
    return torch.optim.Adam(parameters, lr, eps=1e-7)


def make_schedule(a: argparse.Namespace, optimizer: torch.optim.Optimizer,
                  steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate (and for one_cycle the momentum) of each step."""
    if a.schedule == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, a.max_lr, steps, pct_start=a.pct, anneal_strategy=a.anneal,
            div_factor=a.div, final_div_factor=a.final_div,
            cycle_momentum=a.optimizer != "sgd")
    if a.schedule == "exponential":
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1 / steps))
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)


@torch.no_grad()
def accuracy(model: nn.Module, split: Split) -> float:
    """The share of right answers."""
    model.eval()
    right = sum(int((model(x).argmax(1) == y).sum())
                for x, y in zip(split[0].split(1000), split[1].split(1000)))
    return right / len(split[1])


def train(a: argparse.Namespace, seed: int, parts: tuple[Split, Split, Split]) -> float:
    """Train one network; returns its accuracy on the test part."""
    torch.manual_seed(seed)
    (x, y), validation, test = parts
    model = build(a.sizes, a.activation, a.dropout)
    optimizer = make_optimizer(a.optimizer, model, a.max_lr, a.momentum, a.decay)
    per_epoch = math.ceil(len(x) / a.batch)
    schedule = make_schedule(a, optimizer, a.epochs * per_epoch)
    loss_of = nn.CrossEntropyLoss(label_smoothing=a.label_smoothing)
    start = time.perf_counter()
    for epoch in range(a.epochs):
        model.train()
        total = 0.0
        for step, rows in enumerate(torch.randperm(len(x)).split(a.batch)):
            loss = loss_of(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if epoch + 1 < a.epochs or step + 1 < per_epoch:
                schedule.step()
            total += loss.item() * len(rows)
        if a.verbose:
            print(f"  epoch {epoch + 1:3d}  loss {total / len(x):.4f}  "
                  f"validation {accuracy(model, validation):.4f}", flush=True)
    seconds = time.perf_counter() - start
    result = accuracy(model, test)
    print(f"seed {seed}: test {result:.4f}  validation {accuracy(model, validation):.4f}  "
          f"{seconds:.1f} s", flush=True)
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Train the demo's network on Fashion-MNIST with PyTorch.",
        epilog="Needs: pip install torch==2.13.0 numpy (in a virtual environment), and the data: "
               "apt install dataset-fashion-mnist (Debian, section contrib), or --data FOLDER.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"),
        help="folder with the four .gz files")
    add("--validation", type=int, default=5000, help="last training images kept for validation")
    add("--deviation-floor", type=float, default=0.0,
        help="smallest deviation to divide a pixel (0 to 255) by; 0: only a deviation of 0 is "
             "replaced, by 1")
    add("--sizes", type=int, nargs="+", default=[300, 100], help="units of the hidden layers")
    add("--activation", choices=["elu", "relu"], default="elu")
    add("--dropout", type=float, default=0.1, help="drop rate after each hidden layer")
    add("--optimizer", choices=["sgd", "momentum", "adam", "nadam"], default="adam")
    add("--momentum", type=float, default=0.9, help="of optimizer momentum, without one_cycle")
    add("--schedule", choices=["constant", "exponential", "one_cycle"], default="one_cycle",
        help="per step; exponential falls to a tenth over the run")
    add("--max-lr", "--lr", type=float, default=0.002,
        help="learning rate: the largest of one_cycle, the first of the others")
    add("--pct", type=float, default=0.3, help="one_cycle: share of the rise")
    add("--anneal", choices=["cos", "linear"], default="cos", help="one_cycle: form")
    add("--div", type=float, default=25.0, help="one_cycle: largest rate / first rate")
    add("--final-div", type=float, default=1e4, help="one_cycle: first rate / last rate")
    add("--decay", type=float, default=0.0, help="L2 of the kernels (coefficient of the gradient)")
    add("--label-smoothing", type=float, default=0.0)
    add("--batch", type=int, default=128)
    add("--epochs", type=int, default=10)
    add("--seeds", type=int, default=3, help="how many runs; seeds count from 1")
    add("--threads", type=int, default=2)
    add("--verbose", action="store_true", help="a line per epoch")
    return parser.parse_args()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads)
    parts = load(a.data, a.validation, a.deviation_floor)
    results = [train(a, seed, parts) for seed in range(1, a.seeds + 1)]
    print(f"mean test accuracy of {a.seeds}: {np.mean(results):.4f}  "
          f"(lowest {min(results):.4f}, highest {max(results):.4f})")


if __name__ == "__main__":
    main()
