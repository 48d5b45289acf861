"""A run whose process is stopped, slid and shown wrong clocks, before a server that counts by the kernel's
clock.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.arrivals import Arrivals
from tests.cli.command import environment
from tests.engine.senders import bound
from tests.waiting import PATIENCE_S

__all__ = ["Change", "Steered", "excess", "steered"]

_ROOT = Path(__file__).parents[1]
_WRONG_CLOCKS = """
import time
_true, _true_ns = time.time, time.time_ns
def _jump():
    return (0, 86_400, -86_400, 3_600)[int(_true() * 2) % 4]
time.time = lambda: _true() + _jump()
time.time_ns = lambda: _true_ns() + _jump() * 1_000_000_000
"""
"""What Python runs before anything else: the wall clock jumps by a day, to and fro, twice a second."""


class Change(NamedTuple):
    """A rate, when it was asked for, and when it was seen to be in force; in seconds of Unix time."""

    rate: float
    asked: float
    obeyed: float


class Steered:
    """A running `tests.rate_client`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.changes: list[Change] = []

    def set(self, rate: float) -> None:
        """Set the rate, and wait until it is in force."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{rate}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client has ended"
        self.changes.append(Change(*json.loads(line)))

    def slide(self, seconds: float, rates: tuple[float, ...], rng: random.Random) -> None:
        """Set another rate each 100 ms."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.set(rng.choice(rates))
            time.sleep(0.1)

    def stop(self, seconds: float) -> None:
        """Let the process stand still for so long, as a suspended machine does."""
        os.kill(self._process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        """End the run; it has to end well."""
        self._process.communicate("end\n", timeout=PATIENCE_S)
        assert self._process.returncode == 0


@contextmanager
def steered(
    endpoint: Arrivals, folder: Path, *, rpm: int | None = None, wrong_clocks: bool = False
) -> Iterator[Steered]:
    """The client, sending to `endpoint`."""
    env = environment(folder, PYTHONPATH=str(_ROOT))
    if wrong_clocks:
        (folder / "sitecustomize.py").write_text(_WRONG_CLOCKS)
        env["PYTHONPATH"] = f"{folder}{os.pathsep}{_ROOT}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.rate_client", endpoint.base_url, str(folder / "run")]
        + ([str(rpm)] if rpm is not None else []),
        cwd=folder,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield Steered(process)
        finally:
            process.kill()


def excess(times: list[float], changes: list[Change]) -> list[str]:
    """The seconds that hold more than rate + max(1, 5 %) of the highest rate in force in them, in words."""
    found = []
    ends = [change.obeyed for change in changes[1:]] + [float("inf")]
    end = 0
    for n, at in enumerate(times):
        end = max(end, n)
        while end < len(times) and times[end] < at + 1.0:
            end += 1
        rates = [
            change.rate
            for change, until in zip(changes, ends, strict=True)
            if change.asked < at + 1.0 and until > at
        ]
        if rates and end - n > bound(max(rates)) + 1e-9:
            found.append(f"{end - n} in the second from {at - times[0]:.3f} s, at {max(rates):g}/s")
    return found
