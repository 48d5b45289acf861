"""How long two runs of a million rows take to compare: `python -m tests.benchmarks.compare_runs [ROWS]`.

Prints the seconds to the first totals and to all of them, and to pages of rows in several orders, for runs
over one file, and for one whose rows are in another order; and the peak memory of the process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from llmdash.engine.model.changes import CHANGED
from llmdash.engine.model.comparison import (
    PairSort,
    PairsView,
)
from llmdash.runs.comparison.comparison import RunComparison
from tests.runs.two_runs import per_token, write_two

_ROWS = 1_000_000


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(name: str, a: Path, b: Path) -> None:
    begun, worked = time.perf_counter(), time.process_time()
    with RunComparison(a, b, per_token) as comparison:
        steps = comparison.steps()
        while not next(steps).totals.pairs:
            pass
        first = time.perf_counter() - begun
        for _ in steps:
            pass
        every, busy = time.perf_counter() - begun, time.process_time() - worked
        print(f"{name:12}first totals {first:6.2f} s   all {every:6.2f} s, {busy:.2f} s of it at work")
        for sort in PairSort:
            ordered = seconds(lambda sort=sort: comparison.order(PairsView(CHANGED, sort=sort)))  # type: ignore[misc]
            page = seconds(lambda: comparison.rows(500_000, 100))
            print(f"{'':12}{sort.value:16}ordered {ordered:5.2f} s   a page {1000 * page:5.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'':12}peak memory of the process {peak:,.0f} MB")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    for name, shuffled in (("same order", False), ("shuffled", True)):
        with tempfile.TemporaryDirectory() as folder:
            measure(name, *write_two(Path(folder), rows, shuffled=shuffled))


if __name__ == "__main__":
    main()
