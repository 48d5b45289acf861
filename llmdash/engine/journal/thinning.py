"""Thins the time series on record: neighbours become one row, so that a run of any length has few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmdash.engine.model.records import SampleRow

__all__ = ["MOST_SAMPLES", "thinned"]

MOST_SAMPLES = 10_000
_FEWER = MOST_SAMPLES * 3 // 4
"""The rows that are left at most, so that they need not be thinned again at once."""
_STEPS_S = tuple(2.0**power for power in range(1, 64))


def thinned(rows: Sequence[SampleRow]) -> Sequence[SampleRow]:
    """Return `rows`, oldest first, with neighbours merged until 7,500 are left.

    Rows are merged within the shortest span that does, so that their resolution is much the same over the
    whole run; where pauses leave more rows than that, pairs are merged across them.
    """
    fewer = rows
    for step_s in _STEPS_S:
        if len(fewer) <= _FEWER:
            break
        fewer = list(_merged(fewer, step_s))
    return fewer[-_FEWER:]


def _merged(rows: Sequence[SampleRow], step_s: float) -> Iterator[SampleRow]:
    """Merge rows as long as they end within `step_s` of the first one's beginning."""
    begins_at = rows[0].at - 1.0
    merged = rows[0]
    for row in rows[1:]:
        if begins_at <= row.at <= begins_at + step_s:
            merged = _both(merged, row)
        else:
            yield merged
            begins_at, merged = max(merged.at, row.at - 1.0), row
    yield merged


def _both(one: SampleRow, other: SampleRow) -> SampleRow:
    """Two neighbours as one: sums of what happened, and how things stood at the end."""
    return other._replace(
        sent=one.sent + other.sent,
        tokens=one.tokens + other.tokens,
        in_flight=(one.in_flight + other.in_flight) / 2,
        throttled=one.throttled + other.throttled,
        ttft_p50=_mean(one.ttft_p50, one.sent, other.ttft_p50, other.sent),
        ttft_p95=_mean(one.ttft_p95, one.sent, other.ttft_p95, other.sent),
    )


def _mean(one: float | None, weight: int, other: float | None, other_weight: int) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return (one * (weight or 1) + other * (other_weight or 1)) / ((weight or 1) + (other_weight or 1))
