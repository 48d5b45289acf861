"""Dashboards in a real terminal of 120 x 36: of runs at work with everything on, and of those that rest.

On are streams, checks, carried fields, previews, two endpoints, limits of each key, and a budget.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import served
from tests.benchmarks.measurements import Measurements
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import finished, home, prompt_file
from tests.waiting import wait_for

__all__ = ["CHUNKS", "JOBS", "JOBS_PER_S", "busy_dashboard", "dashboard", "jobs_done", "llmdash"]

JOBS = 100_000
JOBS_PER_S = 500
"""A thousand changes a second: each row changes twice, and a time ticks besides."""
CHUNKS = 10
_LATENCY_S = 0.2
_WARM_S, _RAMP_S = 5.0, 20


def llmdash(measurements: Measurements) -> list[str]:
    """Return the command of llmdash as it is in this tree."""
    return measurements.environment("tree").command("-m", "llmdash")


def jobs_done(terminal: RecordedTerminal) -> int:
    """Return how many jobs of the dashboard's run have ended."""
    return finished(terminal.folder / "run")


@contextmanager
def dashboard(
    measurements: Measurements, jobs: int, rate: str, *, first: str = "", bytes_per_s: float = 0.0
) -> Iterator[RecordedTerminal]:
    """The dashboard of a run against a target that streams, from its first answers on.

    The first prompt begins with `first`; the terminal reads `bytes_per_s`, or whatever there is.
    """
    streaming = [sys.executable, "-m", "tests.benchmarks.streaming_target", str(_LATENCY_S), str(CHUNKS)]
    with tempfile.TemporaryDirectory() as name, served(streaming) as base_url:
        folder = Path(name)
        pace = ("--rate", rate, "--concurrency", "512")
        how = (*pace, "--stream", "--check", "contains", "--budget", "1000", "--run-dir", folder / "run")
        with RecordedTerminal(
            *("run", prompt_file(folder, jobs, first), *how),
            cwd=folder,
            env=home(folder, base_url),
            bytes_per_s=bytes_per_s,
            command=llmdash(measurements),
        ) as terminal:
            wait_for(lambda: jobs_done(terminal), "the first answers")
            yield terminal
            terminal.stop_reading()


@contextmanager
def busy_dashboard(measurements: Measurements, *, first: str = "") -> Iterator[RecordedTerminal]:
    """The dashboard of a run of JOBS that ends JOBS_PER_S of them, or what this machine can."""
    with dashboard(measurements, JOBS, f"{JOBS_PER_S}/s", first=first) as terminal:
        for _second in range(_RAMP_S):
            before = jobs_done(terminal)
            time.sleep(1.0)
            if jobs_done(terminal) - before >= 0.9 * JOBS_PER_S:
                break
        time.sleep(_WARM_S)
        yield terminal
