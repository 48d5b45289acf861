"""The workers as a frame shows them: those that are connected, and those of earlier starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmdash.engine.frames.figures import Figures
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.states import WorkerState

__all__ = ["workers_of"]


def workers_of(connected: Sequence[WorkerRow], store: Figures) -> tuple[WorkerRow, ...]:
    """Return a row for each worker of the run, with what it has done; first those of earlier starts."""
    done, lost = store.done_by, store.lost_by
    if not connected and not done and not lost:
        return ()
    there = {row.name for row in connected}
    known = dict.fromkeys((*store.hosts, *done, *lost))  # a host is on record since its worker joined
    gone = [name for name in known if name not in there and (done[name] or lost[name])]
    rows = [*(WorkerRow(name, store.hosts.get(name, ""), WorkerState.LEFT) for name in gone), *connected]
    return tuple(replace(row, done=done[row.name], lost=lost[row.name]) for row in rows)
