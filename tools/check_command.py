#!/usr/bin/env python3
"""Train through the command line what PyTorch or Keras trains, and compare the weights.

Every optimizer and what stands around it (tools/golden/cells.py), with hyper-parameters, data and
first weights drawn from --seed, as somebody would who knows the command and the frameworks alone:
an experiment file, `syncline train FILE --init weights.safetensors`, and the run folder's weights.
Needs what tools/golden.py needs.

    python tools/check_command.py build/syncline
    python tools/check_command.py build/syncline --seed 7 --only adam lion --dtype float
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from safetensors.numpy import load_file, save_file

from golden import cells, store, trajectories

LIMIT = {"double": 1e-12, "float": 1e-5}
SIGN_BASED = {"lion", "rprop"}  # in float a sign may differ
NAMES = [f"dense_{i}/{kind}" for i in (1, 2, 3) for kind in ("kernel", "bias")]
KEYS = [f"{kind}{i}" for i in range(3) for kind in ("kernel", "bias")]


def drawn_rows(seed: str):
    """The cells, their numbers drawn anew."""
    class Draw(cells.Draw):
        def __init__(self, *names: str) -> None:
            super().__init__(seed, *names)

    plain, cells.Draw = cells.Draw, Draw
    try:
        yield from (row for row in cells.rows() if row[1] != "numpy")
    finally:
        cells.Draw = plain


def experiment(row, rows: int, dtype: str) -> dict:
    name, framework, options, (schedule, schedule_options), more = row
    elu, tanh, last = trajectories.WIDTHS[1:]
    return {"preset": framework,
            "data": {"format": "npy", "train": ["x.npy", "y.npy"]},
            "model": [{"dense": {"units": elu, "activation": "elu"}},
                      {"dense": {"units": tanh, "activation": "tanh"}}, {"dense": last}],
            "train": {"loss": "softmax_cross_entropy", "optimizer": {name: options},
                      "schedule": {schedule: schedule_options}, "batch": rows,
                      "steps": trajectories.STEPS, "shuffle": False, "dtype": dtype, **more}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", type=pathlib.Path)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--dtype", choices=LIMIT, default="double")
    parser.add_argument("--only", nargs="*", metavar="OPTIMIZER")
    o = parser.parse_args()
    command = o.command.resolve()
    store.use_float64()
    rng = np.random.default_rng([ord(c) for c in o.seed])
    steps, rows, widths = trajectories.STEPS, trajectories.ROWS, trajectories.WIDTHS
    weights = trajectories.initial(rng)
    x = rng.normal(0, 1, (steps, rows, widths[0]))
    labels = rng.integers(0, widths[-1], (steps, rows))
    worst, failed, n = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        np.save("x.npy", x.reshape(-1, widths[0]))
        np.save("y.npy", labels.reshape(-1))
        save_file(dict(zip(NAMES, weights)), "init.safetensors")
        for row in drawn_rows(o.seed):
            if o.only and row[0] not in o.only or o.dtype == "float" and row[0] in SIGN_BASED:
                continue
            want = trajectories.RUN[row[1]](row, weights, x, labels)
            pathlib.Path("file.yaml").write_text(json.dumps(experiment(row, rows, o.dtype)))
            out = f"run-{n}"
            run = subprocess.run([command, "train", "file.yaml", "--init", "init.safetensors",
                                  "--out", out], capture_output=True, text=True)
            if run.returncode:
                print(*row[:2], row[4], run.stderr.strip(), flush=True)
                failed += 1
                continue
            got = load_file(out + "/weights.safetensors")
            error = max(np.linalg.norm(got[a] - want[b]) / np.linalg.norm(want[b])
                        for a, b in zip(NAMES, KEYS))
            worst, n = max(worst, error), n + 1
            failed += error > LIMIT[o.dtype]
            print(f"{row[0]:10} {row[1]:6} {error:.1e}  {row[3][0]} {row[4]}", flush=True)
    print(f"{n} runs of {steps} steps in {o.dtype}: worst {worst:.1e}, {failed} beyond {LIMIT[o.dtype]}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
