"""A run of many jobs: what it takes of memory, what a job costs, and what a frame costs at its end.

`python -m tests.benchmarks.growth JOBS [--times N] [--views]` prints JSON. The rows have carried fields and
are in a file, as they are for a user; the run is watched at 15 frames a second in the order of their time;
every attempt is answered at once, and nobody speaks HTTP. The journal is a real one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.inputs import open_input
from llmdash.launch.run_input import Input
from tests.benchmarks.floor import answered_at_once
from tests.benchmarks.processes import resident_mb
from tests.benchmarks.rows import prompt_file

__all__ = ["FILTERS", "SORTING"]

FILTERS = ("", "state:failed", "time>2s", "row-00")
SORTING = "llmdash-sort"
"""The name of a thread that makes an order."""
_STEP_S = 1 / 15
_FRAMES = 50
_WARM_UP = 200
_WATCHED = View(
    jobs=JobsView(height=45, sort=SortColumn.TIME, columns=("input.topic", "prompt"), preview_width=40),
    series=SeriesView(160),
    errors=True,
)


def _run(jobs: int, folder: Path) -> tuple[LocalSession, float]:
    """Run `jobs` jobs to their end. Return the run, and microseconds of processor time a job."""
    prompts = prompt_file(folder, jobs)
    plan = replace(answered_at_once(0, folder), source=open_input(Input(prompts), {}))
    session = LocalSession(plan)
    spent = time.process_time()
    session.start()
    while not session.join(_STEP_S):
        session.frame(_WATCHED)
    spent = time.process_time() - spent
    if session.crash is not None:
        raise session.crash
    return session, spent / jobs * 1e6


def _cost_us(jobs: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        return _run(jobs, Path(name))[1]


def _frame_us(session: LocalSession, view: View) -> float:
    """Return what a frame costs of processor time once its order is there."""
    session.frame(view)
    time.sleep(_STEP_S)
    while any(thread.name == SORTING for thread in threading.enumerate()):
        time.sleep(_STEP_S)
        session.frame(view)
    at = time.thread_time()
    for _ in range(_FRAMES):
        session.frame(view)
    return (time.thread_time() - at) / _FRAMES * 1e6


def _views() -> Iterator[View]:
    """Every sort without a filter, and every filter in two orders."""
    for sort in SortColumn:
        for words in FILTERS if sort in (SortColumn.NEWEST, SortColumn.TIME) else ("",):
            yield replace(_WATCHED, jobs=replace(_WATCHED.jobs, sort=sort, filter=words))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int)
    parser.add_argument("--times", type=int, default=1, help="runs, of whose costs the median is printed")
    parser.add_argument("--views", action="store_true", help="frames of many orders, not of one only")
    asked = parser.parse_args()
    if asked.times > 1:
        _cost_us(_WARM_UP)
    costs = [_cost_us(asked.jobs) for _ in range(asked.times - 1)]
    with tempfile.TemporaryDirectory() as name:
        session, cost_us = _run(asked.jobs, Path(name))
        used_mb = resident_mb("self")
        frames = [_frame_us(session, view) for view in (_views() if asked.views else (_WATCHED,))]
    found = {"used_mb": used_mb, "cpu_us": median([*costs, cost_us])}
    print(json.dumps({**found, "frame_us": median(frames), "most_frame_us": max(frames)}))


if __name__ == "__main__":
    main()
