"""P7: what the dashboard takes of a core while 5,000 chunks/s stream and 1,000 jobs/s change, and what it
sends to the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from tests.benchmarks.cases.case import CORE, Case, Step
from tests.benchmarks.figures import Goal, Row
from tests.benchmarks.measurements import Measurements
from tests.benchmarks.open_dashboards import busy_dashboard, jobs_done
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.streaming_target import LONG

__all__ = ["P7"]

WHAT = "P7: screen, 5,000 chunks/s"
_NEWEST, _BY_TIME, _STREAM = "newest first", "sorted by time", "one stream of 5,000/s, too"
_WATCHED_S = 8.0


def load(measurements: Measurements) -> Mapping[Row, float]:
    """Streams of all jobs, in two orders of the table, then one long stream besides that is followed."""
    found: dict[Row, float] = {}
    with busy_dashboard(measurements) as terminal:
        found.update(_watched(terminal, _NEWEST))
        terminal.keys("T")
        time.sleep(2.0)
        found.update(_watched(terminal, _BY_TIME))
    with busy_dashboard(measurements, first=f"{LONG} ") as terminal:
        terminal.keys(":1\r")
        time.sleep(1.0)
        found.update(_watched(terminal, _STREAM))
    return found


def _watched(terminal: RecordedTerminal, who: str) -> Iterator[tuple[Row, float]]:
    pids = terminal.process.pid, terminal.engine
    done, sent = jobs_done(terminal), terminal.size
    begun, before = time.monotonic(), [cpu_s(pid) for pid in pids]
    time.sleep(_WATCHED_S)
    took = time.monotonic() - begun
    screen, engine = (100 * (cpu_s(pid) - old) / took for pid, old in zip(pids, before, strict=True))
    yield Row(WHAT, who, CORE, alone=True), screen
    yield Row(WHAT, f"{who}: the engine", CORE, alone=True), engine
    yield Row(WHAT, f"{who}: jobs ended", "jobs/s", alone=True), (jobs_done(terminal) - done) / took
    yield Row(WHAT, f"{who}: sent", "KB/s", alone=True), (terminal.size - sent) / took / 1e3


P7 = Case(
    "P7",
    "the dashboard's share of a core while much changes",
    (Step("a screen at work", load, rounds=3),),
    {Row(WHAT, who, CORE, alone=True): Goal(25, 15) for who in (_NEWEST, _BY_TIME, _STREAM)},
)
