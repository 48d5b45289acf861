"""How late an event loop is while orders of many jobs are made.

`python -m tests.benchmarks.orders JOBS` makes an order of every sort, and of some filters in two of them. It
prints JSON: of a task that sleeps 5 ms at a time in an event loop of another thread how late it was, in
milliseconds: the 50th and 99th percentile and the most, each of the order in which it is worst; and the most
seconds until an order was there.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from array import array
from typing import NamedTuple

from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import JobColumns
from tests.benchmarks.growth import FILTERS, SORTING

_SLEEP_S = 0.005
_HEIGHT = 45


class _Lag(NamedTuple):
    """How late a loop was while one order was made, and seconds until that was there."""

    p50_ms: float
    p99_ms: float
    most_ms: float
    made_in_s: float


class _Lags:
    """How late a task wakes up, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._found: list[float] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._sleep()), daemon=True)
        self._thread.start()

    async def _sleep(self) -> None:
        while not self._ends.is_set():
            begun = time.perf_counter()
            await asyncio.sleep(_SLEEP_S)
            self._found.append(time.perf_counter() - begun - _SLEEP_S)

    def found(self, took_s: float) -> _Lag:
        """End it, and return what it found."""
        self._ends.set()
        self._thread.join()
        late = [1e3 * each for each in sorted(self._found)]
        return _Lag(late[len(late) // 2], late[len(late) * 99 // 100], late[-1], took_s)


def _columns(jobs: int) -> JobColumns:
    chance, columns = random.Random(7), JobColumns(jobs, range(0))
    columns.begin_all(range(jobs))
    columns.time = array("f", (chance.expovariate(1.0) for _ in range(jobs)))
    columns.state = bytearray(chance.choices((JobState.DONE, JobState.FAILED), (99, 1), k=jobs))
    columns.counts = [columns.state.count(state) for state in JobState]
    return columns


def _frame(ordering: Ordering, view: JobsView) -> None:
    """What a frame asks of an order."""
    ordering.use(view)
    for line in range(min(len(ordering), _HEIGHT)):
        ordering.line_of(ordering.job_at(line))


def _measure(columns: JobColumns, view: JobsView) -> _Lag:
    ordering, lags = Ordering(columns, lambda job: f"row-{job:07}"), _Lags()
    begun = time.perf_counter()
    ordering.use(view)
    time.sleep(0.05)
    while any(thread.name == SORTING for thread in threading.enumerate()):
        time.sleep(1 / 15)
        _frame(ordering, view)
    return lags.found(time.perf_counter() - begun)


def main() -> None:
    """Print the figures of the worst."""
    columns = _columns(int(sys.argv[1]))
    views = [JobsView(sort=sort) for sort in SortColumn]
    views += [
        JobsView(sort=sort, filter=words)
        for sort in (SortColumn.NEWEST, SortColumn.TIME)
        for words in FILTERS[1:]
    ]
    lags = [_measure(columns, view) for view in views]
    worst = _Lag(*map(max, zip(*lags, strict=True)))
    print(json.dumps(worst._asdict()))


if __name__ == "__main__":
    main()
