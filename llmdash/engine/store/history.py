"""The history of a run, as its journal keeps it: how long it was at work, and its time series."""

from __future__ import annotations

import math

import msgspec

from llmdash.engine.store.store import Store
from llmdash.engine.store.time_series import SeriesRecord

__all__ = ["history_text", "restore_history"]


class _History(msgspec.Struct, frozen=True):
    """`active_s` are the seconds at work, over all starts."""

    active_s: float
    series: SeriesRecord


def history_text(store: Store) -> str:
    """Return the history so far as JSON, at most some 30 KB however long the run."""
    with store.lock:
        history = _History(round(store.run_clock(), 3), store.time_series.record())
    return msgspec.json.encode(history).decode()


def restore_history(store: Store, text: object) -> None:
    """Continue from the history in `text`, as read from a journal; a damaged one counts as none."""
    try:
        history = msgspec.json.decode(text, type=_History) if isinstance(text, str | bytes) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    if history is None or not (0 <= history.active_s < math.inf and history.series.sound):
        return
    store.run_clock.add(history.active_s)
    store.time_series.restore(history.series)
