#!/usr/bin/env python3
"""Compare matrix products with OpenBLAS's on the CPU, side by side in one run.

Two processes of `syncline bench gemm`, of which one has OpenBLAS compute the products, measure each
shape in turns, and the medians over the rounds are compared: ratio = openblas_us / syncline_us, so
above 1 Syncline is faster. At the end the geometric means.

    apt-get install libopenblas0-pthread
    meson compile -C build
    python3 bench/compare_gemm.py
    python3 bench/compare_gemm.py --shapes 64x500x500 200x200x200 --trans NT

The families, m x n x k: `batch` is what a dense layer of K inputs and N units asks of a batch of 128
(forward 128 x N x K none transposed, the gradient of its input 128 x K x N with B, that of its weights
K x N x 128 with A), K and N of 10, 100, 256, 300, 784 and 1024; `square` and `long` are computed in
all three ways.

Both sides: float32, random data in memory, the same cores. Warm, and one product after the other, as
in a training step. PoCL's threads are bound to a core each (POCL_AFFINITY): while they sleep between short
kernels, Linux tends to put both on one; OpenBLAS's do not sleep. A first run compiles
Syncline's kernels, before anything is measured.
"""

import argparse
import ctypes.util
import json
import math
import os
import re
import statistics
from typing import Any, NamedTuple

from turns import Worker, begin, parser_of, say, syncline_environment


class Product(NamedTuple):
    family: str
    shape: str
    trans: str

    def flops(self) -> float:
        return 2.0 * math.prod(int(side) for side in self.shape.split("x"))


WAYS = ["NN", "NT", "TN"]
WIDTHS = [10, 100, 256, 300, 784, 1024]
SQUARE = [512, 1024, 2048]
LONG = ["25088x32x9", "25088x64x288", "32x288x25088"]
FAMILIES = ["batch", "square", "long"]
LARGE, LOWEST = 2e6, .6  # no product of so many FLOP may be under this ratio


def products_of(family: str) -> list[Product]:
    if family == "batch":
        sides = [(k, n) for k in WIDTHS for n in WIDTHS]
        return [Product(family, shape, trans) for k, n in sides
                for shape, trans in [(f"128x{n}x{k}", "NN"), (f"128x{k}x{n}", "NT"), (f"{k}x{n}x128", "TN")]]
    shapes = [f"{side}x{side}x{side}" for side in SQUARE] if family == "square" else LONG
    return [Product(family, shape, trans) for shape in shapes for trans in WAYS]


def measure(a: argparse.Namespace, ours: Worker, theirs: Worker, product: Product) -> dict[str, Any]:
    """One row of the table."""
    request = f"{product.shape} {product.trans}"
    turns: list[tuple[float, float]] = []
    launch = []
    for _ in range(a.rounds):
        answer = ours.ask_line(request)
        launch.append(answer["launch_us"])
        turns.append((answer["us"], theirs.ask_line(request)["us"]))
    us, blas_us = (statistics.median(turn[side] for turn in turns) for side in range(2))
    return {"family": product.family, "shape": product.shape, "trans": product.trans, "flops": product.flops(),
            "syncline_us": us, "openblas_us": blas_us, "ratio": blas_us / us, "launches": answer["launches"],
            "launch_us": statistics.median(launch), "kernel": answer["kernel"], "rounds": a.rounds}


HEAD = (f"{'m x n x k':18} {'':5} {'MFLOP':>8} {'Syncline us':>12} {'OpenBLAS us':>12} {'GFLOP/s':>8} {'ratio':>6} "
        f"{'launches':>8}  kernel")


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    low = row["flops"] >= LARGE and row["ratio"] < LOWEST
    return (f"{row['shape']:18} {row['trans']:5} {row['flops'] / 1e6:8.2f} {row['syncline_us']:12.2f} "
            f"{row['openblas_us']:12.2f} {row['flops'] / row['syncline_us'] / 1e3:8.1f} {row['ratio']:6.2f} "
            f"{row['launches']:8}  {row['kernel']}{'  <-- under ' + str(LOWEST) if low else ''}")


def mean(rows: list[dict[str, Any]]) -> float:
    return math.exp(statistics.fmean(math.log(row["ratio"]) for row in rows))


def summary(rows: list[dict[str, Any]]) -> str:
    """Geometric means, and what is under the limits."""
    parts = [("all", rows)]
    parts += [(key, [row for row in rows if row[by] == key])
              for by in ("trans", "family") for key in dict.fromkeys(row[by] for row in rows)]
    large = [row for row in rows if row["flops"] >= LARGE]
    parts += [("2 MFLOP or more", large), ("smaller", [row for row in rows if row["flops"] < LARGE])]
    lines = ["", "geometric means of the ratios:"]
    lines += [f"  {name:16} {mean(part):5.2f}  ({len(part)})" for name, part in parts if part]
    low = sorted((row for row in large if row["ratio"] < LOWEST), key=lambda row: row["ratio"])
    if large:
        least = min(large, key=lambda row: row["ratio"])
        lines.append(f"of 2 MFLOP or more: {len(low)} under {LOWEST}; the least is {least['ratio']:.2f}, "
                     f"{least['shape']} {least['trans']}")
    small = sorted((row for row in rows if row["flops"] < LARGE and row["ratio"] < 1), key=lambda row: row["ratio"])
    if small:
        lines.append("smaller ones under 1, and what their launches alone would take:")
        lines += [f"  {row['shape']:14} {row['trans']} {row['ratio']:5.2f}: {row['syncline_us']:7.2f} us, "
                  f"{row['launches'] * row['launch_us']:5.1f} of {row['launches']} launches; "
                  f"OpenBLAS {row['openblas_us']:6.2f} us" for row in small]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = parser_of("Compare matrix products with OpenBLAS's on the CPU.",
                       "OpenBLAS (Debian: libopenblas0-pthread)", .03, "OpenBLAS")
    add = parser.add_argument
    add("--only", nargs="+", choices=FAMILIES, default=FAMILIES, metavar="FAMILY",
        help="of: " + ", ".join(FAMILIES) + " (default: all)")
    add("--shapes", nargs="+", metavar="MxNxK", help="these instead")
    add("--trans", nargs="+", choices=[*WAYS, "TT"], metavar="WAY",
        help="only these of: NN, NT (B is stored transposed), TN (A is), TT")
    add("--part", metavar="I/N", help="only the I-th of N equal parts, to split a long run")
    add("--add", nargs="+", metavar="FILE", default=[], help="measure nothing: the table of these --json outputs")
    add("--library", dest="blas", help="OpenBLAS, or another library with cblas_sgemm (default: the system's libopenblas)")
    if parser.parse_args().add:
        return parser.parse_args()
    a = begin(parser)
    if a.part and not re.fullmatch(r"[1-9]\d*/[1-9]\d*", a.part):
        parser.error(f"--part: '{a.part}' is not as 1/3")
    for shape in a.shapes or []:
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", shape):
            parser.error(f"--shapes: '{shape}' is not as 128x300x784")
    a.blas = a.blas or ctypes.util.find_library("openblas")
    if not a.blas:
        raise SystemExit("no OpenBLAS found: install it (Debian: libopenblas0-pthread), or name it with --library")
    return a


def chosen(a: argparse.Namespace) -> list[Product]:
    if a.shapes:
        return [Product("given", shape, trans) for shape in a.shapes for trans in a.trans or WAYS]
    found = [product for family in a.only for product in products_of(family)
             if not a.trans or product.trans in a.trans]
    if a.part:
        part, parts = map(int, a.part.split("/"))
        found = [found[i] for i in range(len(found)) if i // len(WAYS) % parts == part - 1]
    return found


def measured(a: argparse.Namespace) -> list[dict[str, Any]]:
    products = chosen(a)
    command = [a.syncline, "bench", "gemm", "--shape", "-", "--json", "--seconds"]
    environment = syncline_environment(a.threads, POCL_AFFINITY="1")
    warm = Worker([*command, "1e-3"], environment)
    for product in products:
        warm.ask_line(f"{product.shape} {product.trans}")
    warm.close()
    ours = Worker([*command, str(a.seconds)], environment)
    theirs = Worker([*command, str(a.seconds), "--library", a.blas],
                    {**os.environ, "OPENBLAS_NUM_THREADS": str(a.threads)})
    if not a.json:
        print(HEAD, flush=True)
    rows = []
    for product in products:
        rows.append(measure(a, ours, theirs, product))
        if a.json:
            say(line(rows[-1]))
        else:
            print(line(rows[-1]), flush=True)
    ours.close()
    theirs.close()
    return rows


def main() -> None:
    a = arguments()
    rows = [row for file in a.add for row in json.load(open(file))] if a.add else measured(a)
    if not rows:
        raise SystemExit("nothing to measure: --only, --trans and --part leave no product")
    if a.add and not a.json:
        print("\n".join([HEAD, *(line(row) for row in rows)]))
    print(json.dumps(rows, indent=1) if a.json else summary(rows))


if __name__ == "__main__":
    main()
