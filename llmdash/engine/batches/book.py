"""BatchBook: puts on record where batches are, before anything is done by it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import BatchState

__all__ = ["BatchBook"]


class BatchBook:
    """Writes the rows of batches to the journal; a batch is in its new state once that is on disk."""

    def __init__(self, parts: RunnerParts) -> None:
        self._journal = parts.journal

    async def put(
        self,
        batch: SentBatch,
        state: BatchState | None,
        attempts: Iterable[AttemptRecord] = (),
        only_in: Collection[BatchState] = tuple(BatchState),
        **changes: Any,
    ) -> None:
        """Record the state of a batch, or None for the one it has, with what becomes of its attempts, and
        other changes. Nothing is recorded if nothing is new, or if it is in none of the states `only_in` by
        then: who looks at it and who acts on it do not wait for each other.
        """
        async with batch.writing:
            if batch.state not in only_in:
                return
            record = batch.record._replace(state=(state or batch.state).value, **changes)
            if record != batch.record:
                await self._journal.batch(record, attempts)
                batch.record = record
