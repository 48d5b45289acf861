"""Percentiles of timings as JSON, as CSV, and as a table for people."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import HistogramPart, Percentiles, TimingPart, TimingRow
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.reports.free_name import write_new
from llmdash.sanitize import clean_line

__all__ = [
    "METRIC_WORDS",
    "SHARES",
    "as_object",
    "as_table",
    "csv_rows",
    "metric_name",
    "timings_csv",
    "write_timings",
    "written",
]

SHARES: Final = ("p50", "p90", "p95", "p99")
METRIC_WORDS: Final = {
    Timing.TTFT: "first token",
    Timing.LATENCY: "whole answer",
    Timing.ITL: "between tokens",
    Timing.WAITED: "waited",
    Timing.TPS: "tokens/s, a stream",
}


def metric_name(metric: Timing) -> str:
    """Return the name of a metric in exports: with its unit, seconds but for `tps`."""
    return metric.value if metric is Timing.TPS else f"{metric.value}_s"


def as_object(part: TimingPart) -> dict[str, Any]:
    """Return timings as a JSON object: of all answers, of failed requests apart, of each group, and a
    histogram of each metric.
    """
    return {
        "by": part.by.value,
        "all": _row(part.whole),
        "failed": {"requests": part.failed, "latency_s": _shares(part.failed_after)},
        "groups": [{"name": clean_line(row.name), **_row(row)} for row in part.rows],
        "histograms": {
            "of": part.group if part.group is not None else "all",
            **{metric_name(metric): _histogram(part.histogram(metric)) for metric in Timing},
        },
    }


def _row(row: TimingRow) -> dict[str, Any]:
    return {
        "answers": row.answers,
        **{metric_name(metric): _shares(row.times(metric)) for metric in Timing},
    }


def _shares(times: Percentiles) -> dict[str, float | None]:
    return {share: _rounded(getattr(times, share)) for share in SHARES}


def _histogram(histogram: HistogramPart) -> dict[str, Any]:
    return {"edges": [_rounded(edge) for edge in histogram.edges], "counts": list(histogram.counts)}


def timings_csv(part: TimingPart) -> str:
    """Return timings as CSV: a row a group and metric, first for all answers; unknown values are empty. The
    last row is of failed requests, if there are any.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(csv_rows(part))
    return text.getvalue()


def csv_rows(part: TimingPart) -> Iterator[tuple[object, ...]]:
    """Yield the rows of timings as CSV, the titles first."""
    yield "by", "group", "answers", "metric", *SHARES
    groups = () if part.by is Grouping.RUN else part.rows
    for by, row in [(Grouping.RUN, part.whole), *((part.by, row) for row in groups)]:
        for metric in Timing:
            shares = (_rounded(getattr(row.times(metric), share)) for share in SHARES)
            yield by.value, clean_line(row.name), row.answers, metric_name(metric), *shares
    if part.failed:
        failed = (_rounded(getattr(part.failed_after, share)) for share in SHARES)
        yield "failed", "all", part.failed, metric_name(Timing.LATENCY), *failed


def as_table(part: TimingPart) -> Iterator[str]:
    """Yield lines for people: a block a group, with a line a metric. What was not measured is left out."""
    rows = [part.whole] if part.by is Grouping.RUN else [part.whole, *part.rows]
    for number, row in enumerate(rows):
        if number:
            yield ""
        name = "all" if row is part.whole else f"{part.by.value} {row.name or '–'}"
        title = f"{clean_line(name)} · {counted(row.answers, 'answer')}"
        yield f"{title:<34}" + "".join(f"{share:>10}" for share in SHARES)
        for metric in Timing:
            times = row.times(metric)
            if times.p50 is not None:
                values = "".join(f"{written(getattr(times, share), metric):>10}" for share in SHARES)
                yield f"  {METRIC_WORDS[metric]:<32}{values}"
    if part.failed:
        yield ""
        title = f"apart · {counted(part.failed, 'failed request')}"
        yield f"{title:<34}" + "".join(f"{share:>10}" for share in SHARES)
        after = (written(getattr(part.failed_after, share), Timing.LATENCY) for share in SHARES)
        yield f"  {'sent to failed':<32}" + "".join(f"{each:>10}" for each in after)


def written(value: float | None, metric: Timing) -> str:
    """Return a value of a metric in three digits, zeros among them; a dash where it is not known.

    >>> written(0.02, Timing.TTFT), written(0.0442, Timing.TTFT), written(2.0, Timing.TTFT)
    ('20.0ms', '44.2ms', '2.00s')
    """
    if value is None:
        return "–"
    if metric is Timing.TPS:
        return _three_digits(value)
    return f"{_three_digits(value * 1000)}ms" if value < 0.9995 else f"{_three_digits(value)}s"


def _three_digits(value: float) -> str:
    return f"{value:#.3g}".removesuffix(".") if value < 999.5 else f"{value:,.0f}"


def write_timings(part: TimingPart, folder: Path, run: str, *, suffix: str) -> Path:
    """Write timings into a new file of a folder, `.json` or `.csv`, and return its path. Raises OSError."""
    text = timings_csv(part) if suffix == ".csv" else json.dumps(as_object(part), indent=2) + "\n"
    return write_new(folder, f"figures-{run}", suffix, text)


def _rounded(value: float | None) -> float | None:
    """A number in four digits: they are known within 1 %."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
