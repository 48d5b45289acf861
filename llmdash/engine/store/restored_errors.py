"""Counts the errors on record anew: what a store has after them is what it had when they happened."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from llmdash.engine.model.records import FailedResult, FailedTry, SampleRow
from llmdash.engine.model.states import RESULT_STATES
from llmdash.engine.store.history import sound_samples
from llmdash.engine.store.store import Store

__all__ = ["restore_errors", "seconds_at_work"]


def restore_errors(
    store: Store,
    tries: Iterable[FailedTry],
    results: Iterable[FailedResult],
    at_work: Callable[[float], float],
) -> None:
    """Take in every failed try, by job, and every failed job that the store shows as such.

    `at_work` turns Unix seconds into seconds at work.
    """
    errors, state = store.errors, store.columns.state
    for row in tries:
        store.timings.add_failed(row.latency_s)
        errors.tried(row.job, row.key, row.failure, row.status, row.code, row.message, at_work(row.at))
    for result in results:
        ended = RESULT_STATES[result.state]
        if state[result.job] == ended:
            errors.failed(result.job, ended, result.error, at_work(result.at or 0.0))
    errors.recount()


def seconds_at_work(samples: Sequence[SampleRow], began_at: float | None) -> Callable[[float], float]:
    """Return what turns Unix seconds into seconds at work, by the samples of a run; without any it was at
    work since `began_at`.
    """
    rows = list(sound_samples(samples))
    times, active = [row.at for row in rows], [row.active_s for row in rows]
    if not rows:
        return lambda at: max(0.0, at - (began_at or at))

    def at_work(at: float) -> float:
        number = min(bisect_left(times, at), len(times) - 1)
        least = active[number - 1] if number else 0.0
        return max(least, active[number] + min(0.0, at - times[number]))

    return at_work
