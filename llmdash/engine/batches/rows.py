"""The rows of batches, as a frame shows them: of a run at work, and of one on record."""

from __future__ import annotations

from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState

__all__ = ["batch_row"]


def batch_row(
    record: BatchRecord, now: float, *, left: int, cost: float | None = None, waits_for: str = ""
) -> BatchRow:
    """Return the row of a batch at `now`, in Unix seconds by the provider's clock; `left` of its jobs have no
    outcome.
    """
    state = BatchState(record.state)
    end = now if state.is_open or record.ended_at is None else record.ended_at
    expires_in_s = None if record.expires_at is None or not state.is_open else record.expires_at - now
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
        age_s=max(0.0, end - record.planned_at),
        expires_in_s=expires_in_s,
        cost=cost,
        bytes=record.bytes,
        detail=waits_for or record.detail or "",
        created_at=record.created_at,
        expires_at=record.expires_at,
    )
