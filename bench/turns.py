"""What compare.py and compare_ops.py share: workers that measure PyTorch, and turns on equal terms."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAITS = ["active", "passive"]  # OpenMP threads between two pieces of work


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Torch:
    """A worker process that measures PyTorch, and sleeps in between."""

    def __init__(self, script: str, threads: int, wait: str, **environment: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **environment}
        environment.pop("OMP_WAIT_POLICY", None)
        if wait == "passive":
            environment["OMP_WAIT_POLICY"] = "PASSIVE"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / script), "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, **request: Any) -> dict[str, Any]:
        """What the script answers; with "error" where it cannot."""
        assert self.process.stdin and self.process.stdout
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit("the PyTorch worker ended; is torch installed in this environment?")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def settle() -> None:
    """After active waiting: the threads go on spinning for a moment."""
    time.sleep(.2)


def syncline_environment(threads: int, **more: str) -> dict[str, str]:
    return {**os.environ, "POCL_CPU_MAX_CU_COUNT": str(threads), "POCL_MAX_PTHREAD_COUNT": str(threads), **more}


def parser_of(description: str, needs: str, seconds: float) -> argparse.ArgumentParser:
    """With the options of every comparison by turns."""
    parser = argparse.ArgumentParser(
        description=f"{description} ratio = PyTorch's time / Syncline's: above 1 Syncline is faster.",
        epilog="Needs: a built Syncline (meson compile -C build); pip install torch==2.13.0 in a "
               f"virtual environment whose python runs this{needs}.")
    add = parser.add_argument
    add("--syncline", default=str(ROOT / "build" / "syncline"), help="the command (default: build/syncline)")
    add("--json", action="store_true", help="print a JSON list, not a table")
    add("--rounds", type=int, default=5, help="turns of each side, at least 5 (default: 5)")
    add("--seconds", type=float, default=seconds, help="of one measurement (default: %(default)s)")
    add("--threads", type=int, default=2, help="threads, and cores, of both sides (default: 2)")
    return parser


def begin(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, checked; from here on this process and its children keep to as many cores."""
    a = parser.parse_args()
    if a.rounds < 5:
        parser.error("--rounds: at least 5, or the median says little")
    if shutil.which(a.syncline) is None:
        raise SystemExit(f"{a.syncline}: no such program; build it, or name it with --syncline")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:a.threads])
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        say(f"note: load {os.getloadavg()[0]:.1f}: something else runs, figures will be rough")
    return a
