#!/usr/bin/env python3
"""Time training steps in PyTorch on the CPU: the worker process of compare.py.

It reads one request a line from standard input and answers each with one JSON object a line:

    {"name": "mlp-300-100/adam", "variant": "eager/fused", "seconds": 2.0}
    {"name": .., "variant": .., "ms": 0.81}     or     {"name": .., "variant": .., "error": ".."}

Between requests it blocks, so it takes no time from whatever is measured then.  By hand:

    pip install torch==2.13.0      (in a virtual environment)
    echo '{"name": "mlp-300-100/adam", "variant": "eager/fused", "seconds": 2}' |
        python bench/torch_step.py --threads 2
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

NETS: dict[str, tuple[list[int], Callable[[int], list[nn.Module]]]] = {  # widths, and what follows a hidden layer
    "mlp-300-100": ([784, 300, 100, 10], lambda units: [nn.ELU()]),
    "mlp-1024x3": ([784, 1024, 1024, 1024, 10], lambda units: [nn.ELU()]),
    "selu-20x100": ([784, *[100] * 20, 10], lambda units: [nn.SELU()]),
    "elu-bn-20x100": ([784, *[100] * 20, 10], lambda units: [nn.BatchNorm1d(units), nn.ELU()]),
}
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "momentum": functools.partial(torch.optim.SGD, lr=0.01, momentum=0.9),
    "adam": functools.partial(torch.optim.Adam, lr=0.001),
    "nadam": functools.partial(torch.optim.NAdam, lr=0.001),
}
BATCH, BATCHES, WARM_UP = 128, 32, 10

Step = Callable[[int], None]


def make_optimizer(name: str, kind: str, model: nn.Module) -> torch.optim.Optimizer:
    """kind is default, foreach or fused."""
    how = {} if kind == "default" else {kind: True}
    return OPTIMIZERS[name](model.parameters(), **how)


def make_step(name: str, variant: str) -> Step:
    """A function that trains on the batch of step t, as one would write it."""
    net, optimizer_name = name.split("/")
    engine, kind = variant.split("/")
    torch.manual_seed(1)
    sizes, follow = NETS[net]
    layers: list[nn.Module] = []
    for width, units in zip(sizes, sizes[1:]):
        layers += [nn.Linear(width, units), *(follow(units) if units != sizes[-1] else [])]
    model = nn.Sequential(*layers)
    optimizer = make_optimizer(optimizer_name, kind, model)
    x = torch.randn(BATCHES, BATCH, sizes[0])
    labels = torch.randint(0, sizes[-1], (BATCHES, BATCH))

    def loss_of(rows: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(model(rows), truth)

    if engine == "compile":
        torch._dynamo.reset()
        loss_of = torch.compile(loss_of)

    def step(t: int) -> None:
        loss = loss_of(x[t % BATCHES], labels[t % BATCHES])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def measure(step: Step, seconds: float) -> float:
    """Milliseconds a step, over about that many seconds."""
    for t in range(WARM_UP):
        step(t)
    start = time.perf_counter()
    steps = 0
    while time.perf_counter() < start + seconds:
        step(steps)
        steps += 1
    return (time.perf_counter() - start) / steps * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Time training steps in PyTorch; requests on standard input, see the source.",
        epilog="Needs: pip install torch==2.13.0 (in a virtual environment).")
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    steps: dict[tuple[str, str], Step] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = request["name"], request["variant"]
        answer = {"name": key[0], "variant": key[1]}
        try:
            if key not in steps:
                steps[key] = make_step(*key)
            answer["ms"] = measure(steps[key], request["seconds"])
        except Exception as error:  # a variant that fails is reported and left out
            answer["error"] = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
