"""The batches that the simulator holds, of every shape."""

from __future__ import annotations

from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.held import BatchShape, HeldBatch
from llmdash.simulator.batches.orders import OrderBook
from llmdash.simulator.batches.worker import BatchWorker
from llmdash.simulator.errors import ServedError

__all__ = ["BatchShelf"]


class BatchShelf:
    """The batches by their ids, oldest first."""

    def __init__(self, clock: BatchClock, book: OrderBook, worker: BatchWorker) -> None:
        self._clock = clock
        self._book = book
        self._worker = worker
        self._batches: dict[str, HeldBatch] = {}

    def add(self, batch: HeldBatch) -> None:
        """Hold a batch, and have it go on."""
        self._batches[batch.identity] = batch
        self._worker.add(batch)

    def every(self) -> list[HeldBatch]:
        """Return all batches, oldest first, whatever is ordered."""
        return list(self._batches.values())

    def listed(self, shape: BatchShape) -> list[HeldBatch]:
        """Return the batches of a shape, newest first, as far as lists show them already."""
        shown = self._clock.now() - self._book.general.lag_s
        return [b for b in reversed(self._batches.values()) if b.shape is shape and b.created <= shown]

    def find(self, identity: str, shape: BatchShape) -> HeldBatch:
        """Return a batch. Raises ServedError (404) if there is none, or if it is not shown yet."""
        batch = self._batches.get(identity)
        seen = self._clock.now() - self._book.general.unseen_s
        if batch is None or batch.shape is not shape or batch.created > seen:
            raise ServedError(404, f"No batch found with id '{identity[:100]}'.", code="not_found")
        return batch

    def enqueued(self, model: str) -> int:
        """Return the prompt tokens of the batches of a model that have not ended."""
        return self._worker.enqueued(model)

    def cancel(self, batch: HeldBatch) -> None:
        """Begin to cancel a batch that has not ended."""
        self._worker.cancel(batch)

    def clear(self) -> None:
        """Forget all batches, at whatever phase."""
        self._batches.clear()
        self._worker.clear()

    def delete(self, batch: HeldBatch) -> None:
        """Forget a batch."""
        del self._batches[batch.identity]
