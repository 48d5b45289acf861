"""The series over a run as a CSV file, one row a step."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

from llmdash.engine.model.frame import SeriesPart
from llmdash.engine.model.timings import Timing
from llmdash.reports.free_name import write_new
from llmdash.reports.timing_tables import metric_name

__all__ = ["series_csv", "write_series"]

_SHARES = ("p50", "p95", "p99")


def series_csv(part: SeriesPart) -> str:
    """Return the series: seconds at work, then what happened in each step. Times are in seconds, an unknown
    value is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        (
            *("begin_s", "end_s", "requests_per_s", "set_rate", "in_flight", "set_concurrency"),
            *("output_tokens_per_s", "bound_by"),
            *(f"{metric_name(metric)}_{share}" for metric in Timing for share in _SHARES),
        )
    )
    writer.writerows(_rows(part))
    return text.getvalue()


def write_series(part: SeriesPart, folder: Path, run: str) -> Path:
    """Write the series into a new file of a folder, and return its path. Raises OSError."""
    return write_new(folder, f"graphs-{run}", ".csv", series_csv(part))


def _rows(part: SeriesPart) -> Iterator[tuple[object, ...]]:
    for place in range(len(part.rate)):
        begin_s = part.begin_s + place * part.step_s
        binding = part.binding[place]
        yield (
            _number(begin_s),
            _number(min(part.end_s, begin_s + part.step_s)),
            _number(part.rate[place]),
            _number(part.set_rate[place]),
            _number(part.in_flight[place]),
            part.set_concurrency[place],
            _number(part.tokens_per_s[place]),
            binding.value if binding is not None else None,
            *(_at(getattr(part.times(metric), share), place) for metric in Timing for share in _SHARES),
        )


def _at(values: tuple[float | None, ...], place: int) -> str | None:
    return _number(values[place]) if place < len(values) else None


def _number(value: float | None) -> str | None:
    """A number in six digits: more is noise."""
    return None if value is None or not math.isfinite(value) else f"{value:.6g}"
