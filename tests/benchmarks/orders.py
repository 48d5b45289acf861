"""What a frame costs at many jobs by sort and filter, and how late the loop is while orders are made.

`python -m tests.benchmarks.orders [JOBS]` prints, for every sort and some filters: microseconds of processor
time of a frame at rest, seconds until the order was there, and how late a task was that sleeps 5 ms at a time
in an event loop of another thread: p50, p99 and most, in milliseconds.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from array import array

from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import JobColumns

_FRAMES = 500
_SLEEP_S = 0.005
_HEIGHT = 45
_FILTERS = ("", "state:failed", "time>2s", "row-00")


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

    def of(self) -> tuple[float, float, float]:
        """Return the 50th and 99th percentile and the most, in milliseconds."""
        self._ends.set()
        self._thread.join()
        late = sorted(self._found)
        return late[len(late) // 2] * 1e3, late[len(late) * 99 // 100] * 1e3, late[-1] * 1e3


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


def _measure(columns: JobColumns, view: JobsView) -> str:
    ordering, lags = Ordering(columns, lambda job: f"row-{job:07}"), _Lags()
    spent, begun = time.process_time(), time.perf_counter()
    ordering.use(view)
    time.sleep(0.05)
    while any(thread.name == "llmdash-sort" for thread in threading.enumerate()):
        time.sleep(1 / 15)
        _frame(ordering, view)
    spent, took_s = time.process_time() - spent, time.perf_counter() - begun
    p50, p99, most = lags.of()
    at = time.thread_time()
    for _ in range(_FRAMES):
        _frame(ordering, view)
    frame_us = (time.thread_time() - at) / _FRAMES * 1e6
    return f"{frame_us:7.1f} us   {took_s:5.1f} s ({spent:.1f} CPU)   {p50:5.2f} {p99:6.2f} {most:6.2f} ms"


def main() -> None:
    """Print the table."""
    columns = _columns(int((*sys.argv[1:], "1000000")[0]))
    print(f"{'sort':8} {'filter':14}   a frame      the order is there     the loop is late: p50, p99, most")
    for sort in SortColumn:
        for words in _FILTERS:
            print(
                f"{sort.value:8} {words:14} {_measure(columns, JobsView(sort=sort, filter=words))}",
                flush=True,
            )


if __name__ == "__main__":
    main()
