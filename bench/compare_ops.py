#!/usr/bin/env python3
"""Compare every map, normalisation and dropout with PyTorch's on the CPU, side by side in one run.

For each operation and pass the fastest form of PyTorch is looked for first (into a tensor made
before, in place, a backward operator called directly, autograd over a retained graph; OpenMP
threads that wait actively or passively). Then `syncline bench ops` and that form are measured in
turns, and the medians over the rounds are compared:
ratio = torch_us / syncline_us, so above 1 Syncline is faster.

    pip install torch==2.13.0      (in a virtual environment)
    meson compile -C build
    python bench/compare_ops.py --rows 128
    python bench/compare_ops.py --rows 4096 --only gelu dropout --json

A third line has both passes together, as a training step runs them.

Both sides: rows of 1,024 columns, float32, random data, equal numbers of threads on the same
cores, each thread bound to one (POCL_AFFINITY, OMP_PROC_BIND). Syncline's share is that of a stream of
the same bytes, measured in the same turns.
"""

import argparse
import json
import statistics
import subprocess
from typing import Any

from turns import PYTORCH, WAITS, Torch, begin, parser_of, say, settle, syncline_environment

PASSES = ["forward", "backward"]
TRY_SECONDS = .03


def syncline(a: argparse.Namespace, rows: int, only: str | None, seconds: float) -> list[dict[str, Any]]:
    """What Syncline's bench prints: an object an operation and pass."""
    command = [a.syncline, "bench", "ops", "--rows", str(rows), "--seconds", str(seconds), "--json"]
    if only:
        command += ["--only", only]
    run = subprocess.run(command, capture_output=True, text=True,
                         env=syncline_environment(a.threads, POCL_AFFINITY="1"))
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}\n{run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def best_form(workers: dict[str, Torch], name: str, way: str, rows: int) -> tuple[str, str] | None:
    """The fastest form of PyTorch as (wait, variant), or None where it has none."""
    request = {"name": name, "pass": way, "rows": rows}
    times: dict[tuple[str, str], float] = {}
    for wait, worker in workers.items():
        answer = worker.ask(**request)
        for variant in answer.get("variants", []):
            result = worker.ask(**request, variant=variant, seconds=TRY_SECONDS)
            if "error" in result:
                say(f"{name} {way}: torch {variant} left out: {result['error']}")
            else:
                times[wait, variant] = result["us"]
        if wait == "active":
            settle()
    return min(times, key=times.__getitem__) if times else None


def compare(a: argparse.Namespace, workers: dict[str, Torch], name: str, rows: int) -> list[dict[str, Any]]:
    """The rows of the table of one operation: forward, and where there is one backward, and both."""
    found = {way: best_form(workers, name, way, rows) for way in PASSES}
    ours: dict[str, list[float]] = {way: [] for way in PASSES}
    shares: dict[str, list[float]] = {way: [] for way in PASSES}
    theirs: dict[str, list[float]] = {way: [] for way in PASSES}
    for _ in range(a.rounds):
        for result in syncline(a, rows, name, a.seconds):
            ours[result["pass"]].append(result["us"])
            shares[result["pass"]].append(result["share"])
        for way, form in found.items():
            if form:
                answer = workers[form[0]].ask(name=name, rows=rows, variant=form[1], seconds=a.seconds / 2,
                                              **{"pass": way})
                if "error" in answer:
                    raise SystemExit(f"{name} {way}: torch {form[1]}: {answer['error']}")
                theirs[way].append(answer["us"])
                if form[0] == "active":
                    settle()
    rows_: list[dict[str, Any]] = []
    for way in PASSES:
        if not ours[way]:
            continue
        row: dict[str, Any] = {"name": name, "pass": way, "rows": rows,
                               "syncline_us": statistics.median(ours[way]),
                               "share": statistics.median(shares[way]),
                               "torch_us": None, "ratio": None, "torch_variant": None, "rounds": a.rounds}
        form = found[way]
        if form:
            row["torch_us"] = statistics.median(theirs[way])
            row["ratio"] = row["torch_us"] / row["syncline_us"]
            row["torch_variant"] = f"{form[1]} ({form[0]} wait)"
        rows_.append(row)
    if len(rows_) == len(PASSES):
        rows_.append(both(rows_))
    if not a.json:
        print("\n".join(line(row) for row in rows_), flush=True)
    return rows_


def both(passes: list[dict[str, Any]]) -> dict[str, Any]:
    """What a training step runs: the passes together. The share is that of their streams."""
    def total(key: str) -> Any:
        return sum(row[key] for row in passes) if all(row[key] for row in passes) else None
    ours, theirs = total("syncline_us"), total("torch_us")
    return {**passes[0], "pass": "both", "syncline_us": ours, "torch_us": theirs,
            "share": sum(row["share"] * row["syncline_us"] for row in passes) / ours,
            "ratio": theirs / ours if theirs else None,
            "torch_variant": "the two of them" if theirs else None}


HEAD = (f"{'op':32} {'pass':8} {'rows':>5} {'Syncline us':>12} {'PyTorch us':>11} {'ratio':>6} {'share':>6}  "
        "PyTorch as")


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    theirs = f"{row['torch_us']:11.1f} {row['ratio']:6.2f}" if row["ratio"] else f"{'-':>11} {'-':>6}"
    return (f"{row['name']:32} {row['pass']:8} {row['rows']:5} {row['syncline_us']:12.1f} {theirs} "
            f"{row['share']:6.2f}  {row['torch_variant'] or 'not there'}")


def arguments() -> argparse.Namespace:
    parser = parser_of("Compare Syncline's maps, normalisations and dropout with PyTorch's on the CPU.", PYTORCH, .3)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[128, 4096], help="default: 128 4096")
    add("--only", nargs="+", metavar="NAME", help="only these, by their whole names in bench ops")
    return begin(parser)


def main() -> None:
    a = arguments()
    names = a.only
    known = list(dict.fromkeys(row["name"] for row in syncline(a, 1, None, 1e-3))) if not names or \
        any(not syncline(a, 1, name, 1e-3) for name in names) else names
    for name in names or []:
        if name not in known:
            raise SystemExit(f"--only: no operation is called '{name}'; there are: {', '.join(known)}")
    workers = {wait: Torch("torch_ops.py", a.threads, wait, OMP_PROC_BIND="true") for wait in WAITS}
    if not a.json:
        print(HEAD, flush=True)
    rows = [row for count in a.rows for name in names or known for row in compare(a, workers, name, count)]
    for worker in workers.values():
        worker.close()
    if a.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
