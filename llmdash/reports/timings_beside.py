"""Percentiles of several runs side by side: metric by metric, a line a run and group."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from llmdash.engine.model.frame import TimingPart, TimingRow
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.reports.timing_tables import METRIC_WORDS, SHARES, csv_rows, written
from llmdash.sanitize import clean_line

__all__ = ["NamedTimings", "beside", "beside_csv"]

_LEAST: Final = 34
_GAP: Final = 2


class NamedTimings(NamedTuple):
    """The timings of a run, and what the run is called."""

    name: str
    part: TimingPart


def beside(runs: Sequence[NamedTimings]) -> Iterator[str]:
    """Yield lines for people: a block a metric, with a line a run, or a line a group of each run."""
    rows = [line for run in runs for line in _rows(run)]
    width = max([_LEAST, *(len(name) + _GAP for name, _row in rows)])
    first = True
    for metric in Timing:
        if all(row.times(metric).p50 is None for _name, row in rows):
            continue
        if not first:
            yield ""
        first = False
        yield f"{METRIC_WORDS[metric]:<{width}}{'answers':>10}" + "".join(f"{share:>10}" for share in SHARES)
        for name, row in rows:
            times = row.times(metric)
            values = "".join(f"{written(getattr(times, share), metric):>10}" for share in SHARES)
            yield f"{name:<{width}}{row.answers:>10,}{values}"


def _rows(run: NamedTimings) -> Iterator[tuple[str, TimingRow]]:
    name = clean_line(run.name)
    if run.part.by is Grouping.RUN:
        yield f"  {name}", run.part.whole
    else:
        yield from ((f"  {name} · {clean_line(row.name) or '–'}", row) for row in run.part.rows)


def beside_csv(runs: Sequence[NamedTimings]) -> str:
    """Return the timings of runs as CSV: the rows of each, with its name before them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, run in enumerate(runs):
        titles, *rows = csv_rows(run.part)
        if not number:
            writer.writerow(("run", *titles))
        writer.writerows((clean_line(run.name), *row) for row in rows)
    return text.getvalue()
