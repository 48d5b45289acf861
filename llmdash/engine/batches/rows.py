"""The rows of batches, as a frame shows them: of a run at work, and of one on record."""

from __future__ import annotations

from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState

__all__ = ["batch_row"]


def batch_row(
    record: BatchRecord,
    now: float,
    *,
    left: int,
    cost: float | None = None,
    waits_for: str = "",
    ahead_s: float = 0.0,
) -> BatchRow:
    """Return the row of a batch at `now`, in Unix seconds, by a clock that the provider's is `ahead_s` of;
    `left` of its jobs have no outcome.
    """
    state = BatchState(record.state)
    expires_in_s = (
        None if record.expires_at is None or not state.is_open else record.expires_at - now - ahead_s
    )
    return BatchRow(
        batch=record.batch,
        state=state,
        key=record.key,
        endpoint=record.endpoint,
        model=record.model,
        provider_id=record.provider_id,
        word=record.word or "",
        jobs=record.jobs,
        left=left,
        done=record.done,
        failed=record.failed,
        expired=record.expired or 0,
        age_s=max(0.0, _age_s(record, now)),
        expires_in_s=expires_in_s,
        cost=cost,
        bytes=record.bytes,
        detail=waits_for or record.detail or "",
        created_at=record.created_at,
        expires_at=record.expires_at,
    )


def _age_s(record: BatchRecord, now: float) -> float:
    """Seconds since a batch was planned, or from its creation to its end: each by one clock."""
    if BatchState(record.state).is_open or record.ended_at is None:
        return now - record.planned_at
    is_there = record.state == BatchState.CLOSED.value and record.created_at is not None
    return record.ended_at - (record.created_at or 0.0 if is_there else record.planned_at)
