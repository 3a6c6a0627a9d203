#!/usr/bin/env python3
"""Compare Syncline's training step with PyTorch's on the CPU, side by side in one run.

For each network and optimizer the fastest form of PyTorch is looked for first (eager or
torch.compile; optimizer default, foreach or fused; OpenMP threads that wait actively or
passively).  Then Syncline and the best form with each way of waiting are measured in turns, and
the medians over the rounds are compared, Syncline's with the lower of PyTorch's:
ratio = torch_ms / syncline_ms, so above 1 Syncline is faster.

    pip install torch==2.13.0      (in a virtual environment; torch.compile wants a C++ compiler)
    meson compile -C build
    python bench/compare.py

Both sides: batch 128, float32, elu, softmax cross entropy, random data in memory, equal numbers
of threads on the same cores.
"""

import argparse
import json
import statistics
import subprocess
from typing import Any

from turns import PYTORCH, WAITS, Torch, begin, parser_of, say, settle, syncline_environment

CASES = ["mlp-300-100/momentum", "mlp-300-100/adam", "mlp-1024x3/adam", "selu-20x100/momentum",
         "elu-bn-20x100/nadam"]
ENGINES = ["eager", "compile"]
OPTIMIZERS = ["default", "foreach", "fused"]


def torch_ms_of(worker: Torch, name: str, variant: str, seconds: float) -> dict[str, Any]:
    """An object with "ms", or with "error"."""
    answer = worker.ask(name=name, variant=variant, seconds=seconds)
    settle()
    return answer


def syncline_ms(program: str, name: str, seconds: float, threads: int) -> dict[str, Any]:
    """What Syncline's bench prints for this case."""
    net, optimizer = name.split("/")
    command = [program, "bench", "step", "--net", net, "--optimizer", optimizer, "--seconds", str(seconds),
               "--json"]
    run = subprocess.run(command, capture_output=True, text=True, env=syncline_environment(threads))
    objects = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    found = [value for value in objects if value.get("name") == name]
    if run.returncode or not found:
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode} and no figure for "
                         f"{name}\n{run.stderr}")
    return found[-1]


def best_variants(workers: dict[str, Torch], name: str, seconds: float,
                  engines: list[str]) -> list[tuple[str, str]]:
    """The fastest form of PyTorch with each way of waiting, as (wait, variant).

    Active waiting is faster on idle cores, and many times slower where something else runs.
    """
    times: dict[tuple[str, str], float] = {}
    for engine in engines:
        for optimizer in OPTIMIZERS:
            for wait in WAITS:
                variant = f"{engine}/{optimizer}"
                answer = torch_ms_of(workers[wait], name, variant, seconds)
                if "error" in answer:
                    say(f"{name}: torch {variant} ({wait}) left out: {answer['error']}")
                    continue
                times[wait, variant] = answer["ms"]
                say(f"{name}: torch {variant} ({wait}) {answer['ms']:.3f} ms")
    if not times:
        raise SystemExit(f"{name}: no form of PyTorch runs")
    return [min((key for key in times if key[0] == wait), key=times.__getitem__)
            for wait in WAITS if any(key[0] == wait for key in times)]


def compare(a: argparse.Namespace, workers: dict[str, Torch], name: str) -> dict[str, Any]:
    """One row of the table."""
    candidates = best_variants(workers, name, a.seconds / 2, a.engines)
    ours: list[float] = []
    theirs: dict[tuple[str, str], list[float]] = {key: [] for key in candidates}
    share = None
    for turn in range(a.rounds):
        result = syncline_ms(a.syncline, name, a.seconds, a.threads)
        ours.append(result["ms"])
        share = result.get("share_of_floor", share)
        for wait, variant in candidates:
            answer = torch_ms_of(workers[wait], name, variant, a.seconds)
            if "error" in answer:
                raise SystemExit(f"{name}: torch {variant}: {answer['error']}")
            theirs[wait, variant].append(answer["ms"])
        say(f"{name}: round {turn + 1} of {a.rounds}: syncline {ours[-1]:.3f} ms, torch "
            + ", ".join(f"{theirs[key][-1]:.3f}" for key in candidates) + " ms")
    best = min(candidates, key=lambda key: statistics.median(theirs[key]))
    torch_ms, our_ms = statistics.median(theirs[best]), statistics.median(ours)
    return {"name": name, "syncline_ms": our_ms, "torch_ms": torch_ms,
            "torch_variant": f"{best[1]} ({best[0]} wait)", "ratio": torch_ms / our_ms,
            "share_of_floor": share, "rounds": a.rounds}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [f"{'network/optimizer':22} {'Syncline ms':>12} {'PyTorch ms':>12} {'ratio':>7}  "
             "PyTorch as"]
    for row in rows:
        lines.append(f"{row['name']:22} {row['syncline_ms']:12.3f} {row['torch_ms']:12.3f} "
                     f"{row['ratio']:7.2f}  {row['torch_variant']}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = parser_of("Compare Syncline's training step with PyTorch's on the CPU.",
                       PYTORCH + "; a C++ compiler for torch.compile (without one that form is left out)", 2.0)
    add = parser.add_argument
    add("--only", nargs="+", choices=CASES, default=CASES, metavar="NAME",
        help="only these of: " + ", ".join(CASES))
    add("--engines", nargs="+", choices=ENGINES, default=ENGINES, metavar="ENGINE",
        help="forms of PyTorch to try: eager, compile (default: both)")
    return begin(parser)


def main() -> None:
    a = arguments()
    workers = {wait: Torch("torch_step.py", a.threads, wait) for wait in WAITS}
    rows = [compare(a, workers, name) for name in a.only]
    for worker in workers.values():
        worker.close()
    print(json.dumps(rows, indent=1) if a.json else table(rows))


if __name__ == "__main__":
    main()
