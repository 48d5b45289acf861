"""Twins: batches that exist twice at a provider, since the answer to a creation came too late to be found."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.calls import persistently
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.engine.model.states import Severity
from llmdash.llms.batches import BatchEnd, Batches, BatchListing
from llmdash.llms.wire.failures import Failure

__all__ = ["Spawn", "Twins"]

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Twins:
    """Looks at every list for a second batch with the name, or the file, of one of this run, cancels it and
    says so.

    `batches` returns those of the run, closed ones too; `spawn` begins a task.
    """

    def __init__(
        self,
        batches: Callable[[], Sequence[SentBatch]],
        settling: BatchSettling,
        pace: BatchPace,
        spawn: Spawn,
    ) -> None:
        self._batches = batches
        self._settling = settling
        self._pace = pace
        self._known: set[str] = set()
        self._spawn = spawn

    def owned(self) -> set[str]:
        """Return the provider's ids of the batches of this run, and of their twins."""
        known = (each.record.provider_id for each in self._batches())
        return {each for each in known if each is not None} | self._known

    def look(self, service: Batches, listing: BatchListing) -> None:
        """Look at what a service lists."""
        owned = self.owned()
        known = [each for each in self._batches() if each.record.provider_id is not None]
        by_name = {each.record.name: each for each in known}
        by_file = {each.record.file_id: each for each in known if each.record.file_id is not None}
        for status in listing.batches:
            batch = by_name.get(status.name or "") or by_file.get(status.file_id or "")
            if batch is None or status.id in owned or status.end is not BatchEnd.NOT_YET:
                continue
            self._known.add(status.id)
            words = f"{batch.where()} was created twice; the other one is cancelled: {status.id}"
            self._settling.notice(Severity.WARNING, words)
            self._spawn(self._cancel(batch, service, status.id))

    async def _cancel(self, batch: SentBatch, service: Batches, twin: str) -> None:
        with suppress(Failure):
            await persistently(batch, self._pace, lambda: service.cancel(twin))
