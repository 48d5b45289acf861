"""What is wrong with workers, as alerts: silent or lost ones, and those that lack keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.frame import Alert, WorkerRow
from llmdash.engine.model.states import AlertKind, Severity, WorkerState

__all__ = ["worker_alerts"]

_SILENT_S = 2.0
_LOST_SHOWN_S = 10.0
"""For how long after its last sign of life a lost worker is worth an alert."""
_MOST_ALERTS = 3
"""More workers with the same trouble share an alert."""
_THERE = (WorkerState.WORKING, WorkerState.DRAINING, WorkerState.DRAINED)
_AT_WORK = (WorkerState.WORKING, WorkerState.DRAINING)


def worker_alerts(workers: Sequence[WorkerRow]) -> Iterator[Alert]:
    """Yield the alerts of these workers, the most severe first; at most a few, however many workers."""
    lost = [row for row in workers if row.state is WorkerState.LOST and row.silent_s <= _LOST_SHOWN_S]
    silent = [row for row in workers if row.state in _AT_WORK and row.silent_s > _SILENT_S]
    lacking = [row for row in workers if row.state in _THERE and row.lacks]
    yield from _some(lost, _lost)
    yield from _some(silent, _silent)
    yield from _some(lacking, _lacking)


def _some(rows: Sequence[WorkerRow], alert: Callable[[Sequence[WorkerRow]], Alert]) -> Iterator[Alert]:
    """Yield an alert for each row, or one for all where there are many."""
    if len(rows) > _MOST_ALERTS:
        yield alert(rows)
    else:
        yield from (alert([row]) for row in rows)


def _lost(rows: Sequence[WorkerRow]) -> Alert:
    jobs = sum(row.lost for row in rows)
    then = f"{_its(rows)} {counted(jobs, 'job goes', 'jobs go')} again" if jobs else "nothing was in flight"
    return Alert(AlertKind.WORKER, f"{_silence(rows)}: {then}", severity=Severity.ERROR, blocks=False)


def _silent(rows: Sequence[WorkerRow]) -> Alert:
    jobs = sum(row.in_flight for row in rows)
    lost = "it is" if len(rows) == 1 else "they are"
    then = f"{_its(rows)} {counted(jobs, 'job goes', 'jobs go')} again once {lost} lost"
    return Alert(
        AlertKind.WORKER, f"{_silence(rows)}: {then if jobs else 'nothing is in flight'}", blocks=False
    )


def _lacking(rows: Sequence[WorkerRow]) -> Alert:
    fix = "put it into its .env or environment, then start it again"
    if len(rows) == 1:
        text = f"worker {rows[0].name} lacks key {', '.join(rows[0].lacks)} and gets none of its work"
        return Alert(AlertKind.WORKER, text, fix, blocks=False)
    keys = list(dict.fromkeys(label for row in rows for label in row.lacks))
    text = f"several workers lack keys ({listed([row.name for row in rows])}; {listed(keys)})"
    return Alert(
        AlertKind.WORKER, text, "put them into their .env or environment, then start them again", blocks=False
    )


def _silence(rows: Sequence[WorkerRow]) -> str:
    """Who is silent, and for how long; what changes with time comes last."""
    seconds = max(row.silent_s for row in rows)
    if len(rows) == 1:
        return f"worker {rows[0].name} silent for {max(1, round(seconds))}s"
    return f"several workers silent for {max(1, round(seconds))}s ({listed([row.name for row in rows])})"


def _its(rows: Sequence[WorkerRow]) -> str:
    return "its" if len(rows) == 1 else "their"
