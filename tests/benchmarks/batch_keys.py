"""From a key to its picture while the results of a batch arrive, and after that: `python -m
tests.benchmarks.batch_keys [--jobs N] [--rounds N]`.

The batch services are the simulator's, in a process of its own; the dashboard is one of 120 x 36.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import no_home, prompts
from tests.benchmarks.recorded import Lines, RecordedTerminal
from tests.benchmarks.rows import finished
from tests.benchmarks.screen_marks import LETTERS, ROWS, Keys, p50_and_p99_ms, press
from tests.waiting import wait_for

__all__ = ["main"]


def _page_moved(before: Lines, now: Lines) -> bool:
    """True if the top of the table is another: its place among all jobs changes by itself."""
    return _top(before)[2:14] != _top(now)[2:14]


def _rows_came(before: Lines, now: Lines) -> bool:
    """True if the job that is on top now is known, too."""
    return "●" in _top(now)[:30] and _page_moved(before, now)


def _top(lines: Lines) -> str:
    head = next((y for y, line in enumerate(lines) if line[2:5] == "job"), -1)
    return lines[head + 2] if head >= 0 else ""


_KINDS: dict[str, tuple[str, Keys]] = {
    "a row": ("", ROWS),
    "a page": ("\x1b[F\x1b[5~", (("\x1b[5~",), _page_moved)),
    "a page, with all its rows": ("\x1b[F\x1b[5~", (("\x1b[5~",), _rows_came)),
    "a letter of a filter": ("/", LETTERS),
}
"""What is pressed: keys that come before, and those that are timed. Pages go up, where rows are added."""
_FIRST = 5_000
"""Results that have arrived before the first key is timed."""
_AT_ONCE = 8
"""Keys between two looks at how many results have come."""


@contextmanager
def _simulator() -> Iterator[str]:
    command = [sys.executable, "-m", "llmdash", "simulate", "--batch-speed", "10000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


@contextmanager
def _dashboard(jobs: int) -> Iterator[RecordedTerminal]:
    with tempfile.TemporaryDirectory() as name, _simulator() as base_url:
        folder = Path(name)
        how = ("--model", "sim-small", "--batch", "--run-dir", folder / "run")
        with RecordedTerminal(
            *("run", prompts(folder, jobs), *how),
            cwd=folder,
            env=no_home(folder, base_url) | {"OPENAI_API_KEY": "sim-key-1"},
            command=(sys.executable, "-m", "llmdash"),
        ) as terminal:
            yield terminal
            terminal.stop_reading()


def _round(jobs: int, before: str, keys: Keys) -> tuple[list[float], list[float], float]:
    """Return the seconds of each key while results arrive, and after that; and how long they took."""
    with _dashboard(jobs) as terminal:
        run = terminal.folder / "run"
        wait_for(lambda: terminal.shows("batched"), "the batch", within_s=120, every_s=0.5)
        wait_for(lambda: finished(run) >= _FIRST, "the first results", within_s=120)
        if before:
            terminal.keys(before)
            time.sleep(0.2)
        began, arriving = time.monotonic(), list[float]()
        while finished(run) < jobs:
            arriving += press(terminal, _AT_ONCE, keys)
        took = time.monotonic() - began
        time.sleep(2.0)
        return arriving, press(terminal, 40, keys), took


def _told(name: str, when: str, seconds: Sequence[float]) -> str:
    p50, p99 = p50_and_p99_ms(seconds)
    figures = {"keys": len(seconds), "p50_ms": round(p50, 1), "p99_ms": round(p99, 1)}
    return json.dumps({"key": name, "results": when, **figures})


def main() -> None:
    """Print the percentiles for each kind of key."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for name, (before, keys) in _KINDS.items():
        arriving, rested = list[float](), list[float]()
        for _round_number in range(asked.rounds):
            *taken, took = _round(asked.jobs, before, keys)
            arriving += taken[0]
            rested += taken[1]
            print(json.dumps({"key": name, "results_arrived_s": round(took, 1)}), flush=True)
        print(_told(name, "arriving", arriving))
        print(_told(name, "all there", rested), flush=True)


if __name__ == "__main__":
    main()
