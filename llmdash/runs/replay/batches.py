"""BatchesAt: where each batch of a run was at a position of its replay, and what had come back of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from llmdash.engine.batches.rows import batch_row
from llmdash.engine.model.amounts import parts_of
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.engine.pool.costs import CostOf, Spending, Tokens
from llmdash.runs.replay.timeline import Timeline
from llmdash.runs.replay.tracks import NEVER, BatchTrack

__all__ = ["BatchesAt"]


class _Times(NamedTuple):
    """The positions at which a batch was planned, created, cancelled, had ended, and was over for the run;
    NEVER for what it was not.
    """

    planned: float
    creating: float
    cancelled: float
    ended: float
    over: float


class BatchesAt:
    """The batches on record. `position_of` maps Unix seconds to positions, `time_of` does the reverse;
    `cost_of` has the prices of batches.
    """

    def __init__(
        self,
        records: Sequence[BatchRecord],
        timeline: Timeline,
        position_of: Callable[[float], float],
        time_of: Callable[[float], float],
        cost_of: CostOf,
    ) -> None:
        self._tracks = timeline.batches
        self._length_s = timeline.length_s
        self._time_of = time_of
        self._cost_of = cost_of
        self._batches = [
            (record, _times(record, timeline.batches.get(record.batch), position_of)) for record in records
        ]

    def rows(self, position: float) -> tuple[BatchRow, ...]:
        """Return those that were planned by `position`."""
        return tuple(
            self._row(record, times, position) for record, times in self._batches if times.planned <= position
        )

    def spending(self, position: float) -> Spending:
        """Return the tokens of what had come back by `position`."""
        spending = Spending()
        for record, _ in self._batches:
            if (tokens := self._spent(record, position)) is not None:
                spending.restore(record.key, record.model, tokens)
        return spending

    def _spent(self, record: BatchRecord, position: float) -> Tokens | None:
        track = self._tracks.get(record.batch)
        if track is None:
            return None
        asked, said, cached, reasoning = (
            track.spent(kind, position) for kind in ("input", "output", "cached", "reasoning")
        )
        return Tokens(asked, said, cached, 0, reasoning, parts_of(asked, 0)) if asked or said else None

    def _row(self, record: BatchRecord, times: _Times, position: float) -> BatchRow:
        at_end = position >= self._length_s
        state = BatchState(record.state) if at_end else _state(record, times, position)
        if not at_end and state not in (BatchState.ENDED, BatchState(record.state)):
            record = record._replace(word=None, done=None, failed=None, detail=None)
        if state.is_open and not at_end:
            record = record._replace(ended_at=None, expired=None, detail=None)
        tokens, track = self._spent(record, position), self._tracks.get(record.batch)
        came_back = 0 if track is None else track.came_back.by(position)
        return batch_row(
            record._replace(state=state.value),
            self._time_of(position),
            left=max(0, record.jobs - came_back) if state.is_open else 0,
            cost=None if tokens is None else self._cost_of(record.key, record.model, tokens),
        )


def _times(record: BatchRecord, track: BatchTrack | None, position_of: Callable[[float], float]) -> _Times:
    """Each is no sooner than the one before it: the provider has a clock of its own."""

    def at(seconds: float | None, least: float) -> float:
        return NEVER if seconds is None else max(least, position_of(seconds))

    planned = position_of(record.planned_at)
    creating = at(record.creating_at, planned)
    cancelled = at(record.cancel_at, planned)
    ended = at(record.ended_at, planned)
    last = -NEVER if track is None else track.last
    over = NEVER if BatchState(record.state).is_open else max(ended, last)
    return _Times(planned, creating, cancelled, ended, over)


def _state(record: BatchRecord, times: _Times, position: float) -> BatchState:
    """Where a batch was; when it was held is not on record."""
    if times.over <= position:
        return BatchState(record.state)
    if times.ended <= position:
        return BatchState.ENDED
    if times.cancelled <= position:
        return BatchState.CANCELLING
    if times.creating <= position:
        return BatchState.CREATING if record.provider_id is None else BatchState.OUT
    return BatchState.PLANNED
