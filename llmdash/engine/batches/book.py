"""BatchBook: puts on record where batches are, before anything is done by it."""

from __future__ import annotations

from collections.abc import Iterable
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
        self, batch: SentBatch, state: BatchState, attempts: Iterable[AttemptRecord] = (), **changes: Any
    ) -> None:
        """Record the state of a batch, with what becomes of its attempts, and other changes; nothing if
        nothing is new.
        """
        record = batch.record._replace(state=state.value, **changes)
        if record != batch.record:
            await self._journal.batch(record, attempts)
            batch.record = record
