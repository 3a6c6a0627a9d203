"""What the comparisons here share: workers that measure the other side, and turns on equal terms."""

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


class Worker:
    """A process that measures what it is asked, and sleeps in between."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def ask_line(self, line: str) -> dict[str, Any]:
        """The object it answers a line with."""
        assert self.process.stdin and self.process.stdout
        try:
            print(line, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(self.why_ended())
        return json.loads(answer)

    def why_ended(self) -> str:
        return f"{' '.join(self.command)} ended"

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Torch(Worker):
    """One that measures PyTorch."""

    def __init__(self, script: str, threads: int, wait: str, **environment: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **environment}
        environment.pop("OMP_WAIT_POLICY", None)
        if wait == "passive":
            environment["OMP_WAIT_POLICY"] = "PASSIVE"
        super().__init__([sys.executable, str(ROOT / "bench" / script), "--threads", str(threads)], environment)

    def ask(self, **request: Any) -> dict[str, Any]:
        """What the script answers; with "error" where it cannot."""
        return self.ask_line(json.dumps(request))

    def why_ended(self) -> str:
        return "the PyTorch worker ended; is torch installed in this environment?"


def settle() -> None:
    """After active waiting: the threads go on spinning for a moment."""
    time.sleep(.2)


def syncline_environment(threads: int, **more: str) -> dict[str, str]:
    return {**os.environ, "POCL_CPU_MAX_CU_COUNT": str(threads), "POCL_MAX_PTHREAD_COUNT": str(threads), **more}


PYTORCH = "pip install torch==2.13.0 in a virtual environment whose python runs this"


def parser_of(description: str, needs: str, seconds: float, other: str = "PyTorch") -> argparse.ArgumentParser:
    """With the options of every comparison by turns."""
    parser = argparse.ArgumentParser(
        description=f"{description} ratio = {other}'s time / Syncline's: above 1 Syncline is faster.",
        epilog=f"Needs: a built Syncline (meson compile -C build); {needs}.")
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
