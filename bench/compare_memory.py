#!/usr/bin/env python3
"""Compare the memory of Syncline's training step with PyTorch's, besides parameters, gradients and slots.

PyTorch (eager, CPU):
    saved   what the forward pass keeps for the backward pass: distinct storages of saved tensors
    peak    most bytes alive at one moment of both passes, saved tensors and temporaries together;
            workspaces inside a kernel are not seen, so this is on the low side
Syncline:
    arena   what `syncline plan` prints: activations, their gradients and every kernel's scratch
The batch itself, which Syncline keeps in its arena, counts on neither side (ratio = arena / peak), and in a
second ratio on both. Batch 128, float32, softmax cross entropy.

    pip install torch==2.13.0 numpy      (in a virtual environment)
    meson compile -C build
    python bench/compare_memory.py

The limit is for the first four nets; the script ends with an error when one exceeds it.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROOT = Path(__file__).resolve().parent.parent
FEATURES, CLASSES = 784, 10


class Net(NamedTuple):
    """Hidden layers, each with an activation, perhaps batch_norm in front of it and dropout behind."""

    units: list[int]
    activation: str
    optimizer: str = "adam"
    norm: bool = False
    dropout: float = 0


HELD = 4  # so many are held to the limit
NETS = {
    "mlp-300-100": Net([300, 100], "elu"),
    "mlp-1024x3": Net([1024] * 3, "elu"),
    "selu-20x100": Net([100] * 20, "selu", "momentum"),
    "elu-bn-20x100": Net([100] * 20, "elu", "nadam", norm=True),
    "mlp-1024x3-dropout": Net([1024] * 3, "elu", dropout=.2),
    "gelu-20x100": Net([100] * 20, "gelu"),
    "gelu-bn-20x100": Net([100] * 20, "gelu", norm=True),
}
ACTIVATIONS = {"elu": nn.ELU, "selu": nn.SELU, "gelu": nn.GELU}


class Live(TorchDispatchMode):
    """The storages that operations make, and when they are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.living: set[int] = set()
        self.events: list[tuple[int, int]] = []  # number of the storage, bytes made (or, negative, freed)
        self.number: dict[int, int] = {}  # of the storage last made at an address

    def _freed(self, key: int, number: int, size: int) -> None:
        self.living.discard(key)
        self.events.append((number, -size))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if not isinstance(tensor, torch.Tensor):
                continue
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key in given or key in self.living or not size:
                continue
            number = len(self.events)
            self.living.add(key)
            self.number[storage.data_ptr()] = number
            self.events.append((number, size))
            weakref.finalize(storage, self._freed, key, number, size)
        return out

    def peak(self, without: set[int]) -> int:
        now = most = 0
        for number, size in self.events:
            if number not in without:
                now += size
                most = max(most, now)
        return most


def torch_net(net: Net) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width, units in zip([FEATURES, *net.units], net.units):
        layers.append(nn.Linear(width, units))
        if net.norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(ACTIVATIONS[net.activation]())
        if net.dropout:
            layers.append(nn.Dropout(net.dropout))
    return nn.Sequential(*layers, nn.Linear(net.units[-1], CLASSES))


def torch_bytes(net: Net, batch: int) -> tuple[int, int]:
    """Saved and peak."""
    torch.manual_seed(1)
    model = torch_net(net)
    x, labels = torch.randn(batch, FEATURES), torch.randint(0, CLASSES, (batch,))
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers(), x, labels]}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        F.cross_entropy(model(x), labels).backward()
    model.zero_grad()
    with Live() as live:
        F.cross_entropy(model(x), labels).backward()
    gradients = {live.number[p.grad.untyped_storage().data_ptr()] for p in model.parameters() if p.grad is not None}
    return sum(saved.values()), live.peak(gradients)


def experiment(net: Net, batch: int, memory: str) -> str:
    lines = ["data: { format: npy, train: [x.npy, y.npy] }", "model:"]
    for units in net.units:
        lines.append(f"  - dense: {units}")
        if net.norm:
            lines.append("  - batch_norm")
        lines.append(f"  - {net.activation}")
        if net.dropout:
            lines.append(f"  - dropout: {net.dropout}")
    lines += [f"  - dense: {CLASSES}", "train:", "  loss: softmax_cross_entropy", f"  optimizer: {net.optimizer}",
              f"  batch: {batch}", "  epochs: 1", f"  memory: {memory}"]
    return "\n".join(lines) + "\n"


def arena_bytes(program: str, net: Net, batch: int, memory: str) -> int:
    """What `syncline plan --launches` says the activations take, the batch among them."""
    with tempfile.TemporaryDirectory() as folder:
        numpy.save(Path(folder, "x.npy"), numpy.zeros((batch, FEATURES), "f4"))
        numpy.save(Path(folder, "y.npy"), numpy.arange(batch, dtype="i4") % CLASSES)
        file = Path(folder, "net.yaml")
        file.write_text(experiment(net, batch, memory))
        run = subprocess.run([program, "plan", str(file), "--launches"], capture_output=True, text=True)
    found = re.search(r"^  activations +([0-9.]+) KiB$", run.stdout, re.MULTILINE)
    if run.returncode or not found:
        raise SystemExit(f"{program} plan ended with {run.returncode} and names no activations\n{run.stderr}")
    return round(float(found[1]) * 1024)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'KiB':20} {'torch saved':>12} {'torch peak':>12} {'arena':>10} {'ratio':>7} {'with batch':>11}"]
    for row in rows:
        lines.append(f"{row['name']:20} {row['torch_saved'] / 1024:12.1f} {row['torch_peak'] / 1024:12.1f} "
                     f"{row['arena'] / 1024:10.1f} {row['ratio']:7.2f} {row['ratio_with_batch']:11.2f}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare the memory of Syncline's training step with PyTorch's. ratio = arena / PyTorch's "
                    "peak: below 1 Syncline takes less.",
        epilog="Needs: a built Syncline (meson compile -C build); pip install torch==2.13.0 numpy in a virtual "
               "environment whose python runs this.")
    add = parser.add_argument
    add("--syncline", default=str(ROOT / "build" / "syncline"), help="the command (default: build/syncline)")
    add("--json", action="store_true", help="print a JSON list, not a table")
    add("--batch", type=int, default=128, help="rows of a step (default: 128)")
    add("--memory", choices=["balanced", "least", "fastest"], default="balanced",
        help="Syncline's train.memory (default: balanced)")
    add("--limit", type=float, default=.7, help="largest ratio of the nets held to it (default: 0.7)")
    add("--only", nargs="+", choices=list(NETS), default=list(NETS), metavar="NAME",
        help="only these of: " + ", ".join(NETS))
    a = parser.parse_args()
    if a.batch < 1:
        parser.error("--batch: at least 1")
    return a


def main() -> None:
    a = arguments()
    if shutil.which(a.syncline) is None:
        raise SystemExit(f"{a.syncline}: no such program; build it, or name it with --syncline")
    rows = []
    for name in a.only:
        saved, peak = torch_bytes(NETS[name], a.batch)
        batch = a.batch * (FEATURES + 1) * 4  # rows and labels, as Syncline keeps them
        arena = arena_bytes(a.syncline, NETS[name], a.batch, a.memory)
        rows.append({"name": name, "torch_saved": saved, "torch_peak": peak, "arena": arena - batch,
                     "ratio": (arena - batch) / peak, "ratio_with_batch": arena / (peak + batch),
                     "batch": batch, "memory": a.memory})
    print(json.dumps(rows, indent=1) if a.json else table(rows))
    above = [row["name"] for row in rows if row["ratio"] > a.limit and row["name"] in list(NETS)[:HELD]]
    if above:
        raise SystemExit(f"above {a.limit} of PyTorch's peak: {', '.join(above)}")


if __name__ == "__main__":
    main()
