"""P8 and P10: what a run takes of memory over an empty one, and what a job costs as the batch grows.

`python -m tests.benchmarks.memory [JOBS ...]` runs rows with carried fields, watched at 15 frames a second in
the order of their time; every attempt is answered at once, and nobody speaks HTTP. The prompts are in a file,
as they are for a user, and the journal is a real one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.inputs import open_input
from llmdash.launch.run_input import Input
from tests.benchmarks.floor import answered_at_once
from tests.benchmarks.processes import resident_mb
from tests.benchmarks.rows import prompt_file

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_STEP_S = 1 / 15
_FRAMES = 200
_WATCHED = View(
    jobs=JobsView(height=45, sort=SortColumn.TIME, columns=("input.topic", "prompt"), preview_width=40),
    series=SeriesView(160),
    errors=True,
)


def _measure(jobs: int) -> None:
    """Run `jobs` jobs, and print megabytes in use, microseconds of processor time a job, and those of a frame
    at the end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = replace(answered_at_once(0, folder), source=open_input(Input(prompt_file(folder, jobs)), {}))
        session = LocalSession(plan)
        spent = time.process_time()
        session.start()
        while not session.join(_STEP_S):
            session.frame(_WATCHED)
        spent = time.process_time() - spent
        if session.crash is not None:
            raise session.crash
        used_mb, at = resident_mb("self"), time.thread_time()
        for _ in range(_FRAMES):
            session.frame(_WATCHED)
        print(used_mb, spent / jobs * 1e6, (time.thread_time() - at) / _FRAMES * 1e6)


def main() -> None:
    """Print the table, or be one of its lines."""
    if sys.argv[1:2] == ["--one"]:
        _measure(int(sys.argv[2]))
        return
    empty_mb, *_ = _line(1)
    print(f"an empty run takes {empty_mb:.0f} MB")
    for jobs in map(int, sys.argv[1:] or _SIZES):
        used_mb, cost_us, frame_us = _line(jobs)
        more = f"{used_mb - empty_mb:6.0f} MB more   {cost_us:6.1f} us a job   {frame_us:6.0f} us a frame"
        print(f"{jobs:>9,} jobs   {more}", flush=True)


def _line(jobs: int) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--one", str(jobs)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    used_mb, cost_us, frame_us = map(float, said.split())
    return used_mb, cost_us, frame_us


if __name__ == "__main__":
    main()
