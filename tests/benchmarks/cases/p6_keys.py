"""P6: from a key to its picture, with 100,000 jobs of which 1,000 change in a second.

Beside it what a line of 10 KB/s makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from tests.benchmarks.cases.case import Case, Step
from tests.benchmarks.figures import Goal, Row
from tests.benchmarks.measurements import Measurements
from tests.benchmarks.open_dashboards import busy_dashboard, dashboard
from tests.benchmarks.screen_marks import LETTERS, PAGES, ROWS, p50_and_p99_ms, press

__all__ = ["P6"]

WHAT = "P6: key to picture, 100k jobs"
P50, P99 = "ms, p50", "ms, p99"
_ORDERS = ("", "T", "/result\r")
"""Keys that bring the order of the table: newest first, by time, those with a text."""
_A_ROW, _A_PAGE, _A_LETTER = _KINDS = ("a row", "a page", "a letter of a filter")
_SLOW = "P6: key to picture, 10 KB/s"


def keys(measurements: Measurements) -> Mapping[Row, float]:
    """Rows and pages in three orders, and letters of a filter, some 100 keys of each."""
    times = measurements.jobs(35, 5)
    taken: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    with busy_dashboard(measurements) as terminal:
        for typed in _ORDERS:
            for key in typed:
                terminal.keys(key)
                time.sleep(0.2)
            time.sleep(2.0)
            terminal.keys("\x1b[B" * 5)
            time.sleep(1.0)
            taken[_A_ROW] += press(terminal, times, ROWS)
            taken[_A_PAGE] += press(terminal, times, PAGES)
            terminal.keys("\x1b[H")
        for key in "\x1b/":
            terminal.keys(key)
            time.sleep(1.0)
        taken[_A_LETTER] += press(terminal, len(_ORDERS) * times, LETTERS)
    found: dict[Row, float] = {}
    for kind, seconds in taken.items():
        found[Row(WHAT, kind, P50, alone=True)], found[Row(WHAT, kind, P99, alone=True)] = p50_and_p99_ms(
            seconds
        )
    return found


def slow_line(measurements: Measurements) -> Mapping[Row, float]:
    """Rows on a terminal that reads 10 KB in a second."""
    with dashboard(measurements, 3_000, "100/s", bytes_per_s=10_000) as terminal:
        time.sleep(5.0)
        terminal.keys("\x1b[B" * 3)
        time.sleep(3.0)
        moves = press(terminal, 5, ROWS, within_s=3.0)
    return {Row(_SLOW, _A_ROW, P50, alone=True): 1e3 * median(moves)}


P6 = Case(
    "P6",
    "from a key to its picture while much changes",
    (Step("keys", keys, rounds=3), Step("keys on a slow line", slow_line, rounds=1)),
    {
        Row(WHAT, kind, unit, alone=True): goal
        for kind in _KINDS
        for unit, goal in ((P50, Goal(30, 20)), (P99, Goal(80, 50)))
    },
)
