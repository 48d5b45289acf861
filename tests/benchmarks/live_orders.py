"""How late the loop of an engine at full speed is while the orders of its jobs are made.

`python -m tests.benchmarks.live_orders [JOBS [BEGUN]]` runs rows that are answered at once, watched at 15
frames a second. Once the share BEGUN of them (0.6 of 1,000,000) has ended, another sort or filter is chosen
every four seconds. It prints for each: how late a task of the engine's loop was that sleeps 5 ms at a time
(p50, p99 and most, in milliseconds) while an order was made and while none was, the microseconds of processor
time of a frame, and how many jobs have ended. An engine in a process of its own is set as this one is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.engine_service import frames_soon
from llmdash.launch.inputs import open_input
from llmdash.launch.run_input import Input
from tests.benchmarks.floor import answered_at_once
from tests.benchmarks.rows import prompt_file

_SLEEP_S, _STEP_S, _EACH_S = 0.005, 1 / 15, 4.0
_FILTERS = ("", "state:done", "time>0.001")


@dataclass
class _Lags:
    """How late a task of a loop wakes, while an order is made, and while the engine only works."""

    sorting: list[float] = field(default_factory=list)
    at_work: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_SLEEP_S)
            sorts = any(thread.name == "llmdash-sort" for thread in threading.enumerate())
            (self.sorting if sorts else self.at_work).append(time.perf_counter() - begun - _SLEEP_S)

    def taken(self) -> str:
        """Return the figures of what was found, and forget them."""
        said = f"{_figures(self.sorting)}   {_figures(self.at_work)}"
        self.sorting.clear()
        self.at_work.clear()
        return said


def _figures(late: Sequence[float]) -> str:
    if not late:
        return " " * 24
    late = sorted(late)
    return "".join(
        f"{each * 1e3:8.1f}" for each in (late[len(late) // 2], late[len(late) * 99 // 100], late[-1])
    )


def _plan(jobs: int, folder: Path, lags: _Lags) -> Any:
    plan = replace(
        answered_at_once(0, folder), source=open_input(Input(prompt_file(folder, jobs)), {}), stay=True
    )

    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        async with plan.connect() as members:
            watching = asyncio.create_task(lags.watch())
            yield members
            watching.cancel()

    return replace(plan, connect=connect)


def _watch(session: LocalSession, view: JobsView, seconds: float) -> tuple[int, float]:
    """Look at the run for some seconds. Return how many jobs have ended, and microseconds a frame."""
    asked = View(jobs=view, series=SeriesView(160), errors=True)
    until, spent, frames, ended = time.monotonic() + seconds, 0.0, 0, 0
    while time.monotonic() < until:
        at = time.thread_time()
        ended = session.frame(asked).run.ended
        spent, frames = spent + time.thread_time() - at, frames + 1
        time.sleep(_STEP_S)
    return ended, spent / frames * 1e6


def main() -> None:
    """Print the table."""
    jobs, begun = int((*sys.argv[1:2], "1000000")[0]), float((*sys.argv[2:3], "0.6")[0])
    lags = _Lags()
    with tempfile.TemporaryDirectory() as name, frames_soon():
        session = LocalSession(_plan(jobs, Path(name), lags))
        session.start()
        shown = JobsView(height=45, columns=("input.topic", "prompt"), preview_width=40)
        while (at := _watch(session, shown, 1.0))[0] < begun * jobs:
            pass
        print(f"{'newest first':28}{lags.taken()}   {at[1]:6.0f} us")
        for filter_text in _FILTERS:
            for sort in SortColumn:
                view = replace(shown, sort=sort, filter=filter_text)
                ended, frame_us = _watch(session, view, _EACH_S)
                print(
                    f"{sort.value:16}{filter_text:12}{lags.taken()}   {frame_us:6.0f} us   {ended:,}",
                    flush=True,
                )
        session.join(0.0)


if __name__ == "__main__":
    main()
