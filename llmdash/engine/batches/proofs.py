"""Proofs: whose batch one is of a service that keeps no names, by the ids in its results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from llmdash.engine.batches.batch import SentBatch, batch_name, named
from llmdash.llms.batches import BatchEnd, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure

__all__ = ["Proofs"]


class Proofs:
    """Until a batch of another has ended it may look like one of ours that is looked for; then its results
    tell. `foreign` has the provider's ids of those that turned out to be of another.
    """

    def __init__(self) -> None:
        self.foreign: set[str] = set()

    async def choose(
        self, batch: SentBatch, service: Batches, found: Sequence[BatchStatus]
    ) -> Sequence[BatchStatus]:
        """Return those of the provider's batches that may be this one; only one, if that is proven."""
        possible = []
        for status in found:
            is_ours = await self._is_ours(batch, service, status)
            if is_ours:
                return [status]
            if is_ours is None:
                possible.append(status)
            else:
                self.foreign.add(status.id)
        return possible

    async def _is_ours(self, batch: SentBatch, service: Batches, status: BatchStatus) -> bool | None:
        """True or False by the first id in its results; None while there are none that can be read."""
        if service.names_batches or status.end is BatchEnd.NOT_YET or not status.results:
            return None
        file = batch.file.with_suffix(".proof")
        try:
            await service.download(status.results[0], file)
            ids = (service.read(line).custom_id for line in service.lines(file))
            first = next((each for each in ids if each is not None), None)
        except (Failure, OSError):
            return None
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        if first is None:
            return None
        name = named(first)
        return name is not None and batch_name(name.run, name.batch) == batch.record.name
