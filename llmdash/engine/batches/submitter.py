"""Submitter: brings a batch out to the provider; never creates one again without looking for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.calls import is_unknown, persistently
from llmdash.engine.batches.forgetting import CLOCKS_S
from llmdash.engine.batches.proofs import Proofs
from llmdash.engine.batches.uploads import Uploads
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import BatchState, Severity
from llmdash.llms.batches import BatchDraft, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure

__all__ = ["Submitter"]

_SLACK_S = 90.0
_SAY_WHICH = "say which: a in the panel of batches, or llmdash batches adopt"
_OF_PROVIDER = ("provider_id", "created_at", "expires_at", "ended_at", "word", "done", "failed", "cancel_at")
"""What a record has of the provider's batch."""


class Submitter:
    """Each step is on record before the next call is made, so that a kill between two leaves it known what
    may have happened: a file that may be uploaded is looked for, or uploaded again, which costs nothing; a
    batch that may have been created is looked for, and created again only where it is not found.

    `owned` returns the provider's ids of the batches that are known, `others` all batches of the run.
    """

    def __init__(
        self,
        parts: RunnerParts,
        book: BatchBook,
        pace: BatchPace,
        owned: Callable[[], Collection[str]],
        others: Callable[[], Iterable[SentBatch]],
    ) -> None:
        self._parts = parts
        self._book = book
        self._pace = pace
        self._owned = owned
        self._others = others
        self._proofs = Proofs()
        self._creating: set[int] = set()
        """Batches that are about to be created."""
        self._uploads = Uploads(parts, book, pace)
        self._searched: dict[int, float] = {}
        """When the search for a batch was begun, on the monotonic clock."""

    def doubt(self, batch: SentBatch) -> None:
        """Note that an earlier start may have done more of a batch than is on record."""
        self._uploads.doubt(batch)

    async def step(self, batch: SentBatch, service: Batches) -> None:
        """Bring a batch one step further. Raises Failure where it is refused, or nothing was sent."""
        if batch.state is BatchState.CREATING:
            await self._find(batch, service)
        elif batch.state is BatchState.PLANNED and service.takes_files:
            await self._uploads.upload(batch, service)
        elif await self._has_turn(batch, service):
            await self._create(batch, service)

    async def _has_turn(self, batch: SentBatch, service: Batches) -> bool:
        """Wait while another batch that could be mistaken for this one may have been created; False if
        something about this one was changed meanwhile.
        """
        if service.names_batches:
            return True
        while any(self._looks_like(batch, each) for each in self._others()):
            batch.waits_for = "another of the same size may have been created: that one is looked for"
            await batch.changed(self._pace.again)
            if batch.is_wanted_back:
                return False
        batch.waits_for = ""
        return True

    def _looks_like(self, batch: SentBatch, other: SentBatch) -> bool:
        """True if it is not known which of the provider's batches the other one is, and it may be any of the
        size of this one.
        """
        record, its = batch.record, other.record
        if other is batch or its.provider_id is not None or not other.state.is_open:
            return False
        is_in_doubt = other.state.may_exist or other.number in self._creating
        return is_in_doubt and (record.endpoint, record.jobs) == (its.endpoint, its.jobs)

    async def _create(self, batch: SentBatch, service: Batches) -> None:
        record, before = batch.record, batch.state
        began = record.creating_at or self._parts.wall_clock()
        self._creating.add(batch.number)
        try:
            await self._book.put(batch, BatchState.CREATING, creating_at=began)
        finally:
            self._creating.discard(batch.number)
        draft = BatchDraft(batch.file, record.name, record.model, record.jobs, record.file_id or "")
        try:
            status = await service.create(draft)
        except Failure as failure:
            if is_unknown(failure):
                self._searched.pop(batch.number, None)
                return
            if not await self._uploads.is_due_again(batch, failure):
                await self._book.put(batch, before)
                raise
            return
        await self.adopt(batch, status)
        _remove(batch)

    async def _find(self, batch: SentBatch, service: Batches) -> None:
        """Look for a batch that may have been created: three times, since it may be listed late."""
        began = self._searched.setdefault(batch.number, time.monotonic())
        for after_s in self._pace.search:
            batch.waits_for = "may have been created: it is looked for"
            await asyncio.sleep(max(0.0, began + after_s - time.monotonic()))
            if await self._is_settled(await self._candidates(batch, service), batch, service):
                return
        self._searched.pop(batch.number, None)
        batch.waits_for = ""
        await self._book.put(batch, BatchState.UPLOADED if batch.record.file_id else BatchState.PLANNED)

    async def look_again(self, batch: SentBatch, service: Batches) -> None:
        """Look once more for a batch of which there seemed to be two: once they have ended it shows."""
        found = await self._candidates(batch, service)
        if not await self._is_settled(found, batch, service):
            await self._book.put(batch, BatchState.CREATING, detail=None)

    async def _is_settled(self, found: Sequence[BatchStatus], batch: SentBatch, service: Batches) -> bool:
        """Take the one batch that was found; hold this one where there are two, unless the name says that
        both are it: then the older one counts, and the other is a twin. False if there is none.
        """
        if len(found) > 1 and not service.names_batches:
            ids = ", ".join(each.id for each in found)
            words = f"two batches may be this one: {ids}"
            is_news = words != batch.record.detail
            await self._book.put(batch, BatchState.HELD, detail=words)
            if is_news:
                self._notice(batch, f"{words}; {_SAY_WHICH}")
        elif found:
            await self.adopt(batch, found[-1])
            if service.names_batches:
                _remove(batch)
        return bool(found)

    async def disown(self, batch: SentBatch) -> None:
        """Look for a batch again: the one that was taken for it turned out to be of another."""
        self._proofs.foreign.add(batch.record.provider_id or "")
        self._notice(batch, "it has the size, but is of another run: the right one is looked for")
        unknown: dict[str, Any] = dict.fromkeys(_OF_PROVIDER)
        await self._book.put(batch, BatchState.CREATING, detail=None, **unknown)
        batch.forget_status()

    async def _candidates(self, batch: SentBatch, service: Batches) -> Sequence[BatchStatus]:
        record = batch.record
        since = (record.creating_at or record.planned_at) - CLOCKS_S
        listing = await persistently(batch, self._pace, lambda: service.look(since))
        ahead_s = 0.0 if listing.at is None else listing.at - self._parts.wall_clock()
        known = {*self._owned(), *self._proofs.foreign}
        found = [
            each
            for each in listing.batches
            if each.id not in known and self.is_of(batch, service, each, ahead_s)
        ]
        return await self._proofs.choose(batch, service, found)

    @staticmethod
    def is_of(batch: SentBatch, service: Batches, status: BatchStatus, ahead_s: float = 0.0) -> bool:
        """True if the provider's batch is this one: by its name or its file, or, where it keeps neither, by
        its size and age. `ahead_s` is by how much the provider's clock is ahead of ours.
        """
        record = batch.record
        if service.names_batches:
            by_file = record.file_id is not None and status.file_id == record.file_id
            return status.name == record.name or by_file
        if status.requests != record.jobs or status.created_at is None or record.creating_at is None:
            return False
        return status.created_at >= record.creating_at + ahead_s - _SLACK_S

    async def adopt(self, batch: SentBatch, status: BatchStatus) -> None:
        """Put on record which batch of the provider this one is."""
        batch.status, batch.waits_for = status, ""
        self._searched.pop(batch.number, None)
        await self._book.put(
            batch,
            BatchState.OUT,
            provider_id=status.id,
            file_id=status.file_id or batch.record.file_id,
            created_at=status.created_at,
            expires_at=status.expires_at,
            word=status.word,
            detail=None,
        )

    def _notice(self, batch: SentBatch, words: str) -> None:
        self._parts.store.apply(Noticed(Severity.WARNING, f"{batch.where()}: {words}"))


def _remove(batch: SentBatch) -> None:
    """Remove the file of a batch that is not created again."""
    with suppress(OSError):  # a file that stays is in nobody's way
        batch.file.unlink(missing_ok=True)
