"""Escalation: brings back a batch that is out: by the deadline, or because the user wants it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.calls import persistently
from llmdash.engine.batches.collector import Collector
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.batches.watcher import AT_PROVIDER, Watcher
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.states import BatchState, Severity
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import Batches
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Escalation"]

_NOT_FOUND = 404
_NOT_ENDED = "the provider does not end it"
_WAY_OUT = (
    "wait, or have its jobs sent again, which may cost twice: x in the panel of batches, or --batch-abandon"
)
_GIVEN_UP = "given up before its end: some of its jobs may cost twice"


class Escalation:
    """Asks the provider for the end of a batch, and waits for it: only what has no result then is sent again.
    Where the provider does not end it in time it is held, unless it may be given up.
    """

    def __init__(
        self,
        parts: RunnerParts,
        book: BatchBook,
        settling: BatchSettling,
        collector: Collector,
        terms: BatchTerms,
    ) -> None:
        self._parts = parts
        self._book = book
        self._settling = settling
        self._collector = collector
        self._terms = terms

    async def step(self, batch: SentBatch, service: Batches, watcher: Watcher) -> None:
        """Do what is due now, then wait until the batch has ended, or something about it has changed."""
        if batch.is_wanted_back and batch.record.cancel_at is None:
            at = self._parts.wall_clock()
            await self._book.put(batch, BatchState.CANCELLING, only_in=AT_PROVIDER, cancel_at=at)
        is_to_end = batch.state is not BatchState.OUT and batch.record.cancel_at is not None
        if is_to_end and not batch.is_told.is_set():
            watcher.nudge()
            await self._cancel(batch, service)
            watcher.nudge()
        if not is_to_end or batch.is_told.is_set():
            await batch.changed(self._left_s(batch))
        if self._left_s(batch) == 0.0 and not batch.has_ended.is_set():
            await self._overdue(batch)

    def _left_s(self, batch: SentBatch) -> float | None:
        """Seconds for which a batch that is cancelled may go on; None if it is not, or is held for that."""
        if batch.record.cancel_at is None or batch.state is BatchState.HELD:
            return None
        return max(0.0, batch.record.cancel_at + self._terms.pace.cancelling - self._parts.wall_clock())

    async def _overdue(self, batch: SentBatch) -> None:
        if self._terms.abandons:
            batch.is_given_up = True
            return
        await self._book.put(batch, BatchState.HELD, only_in=(BatchState.CANCELLING,), detail=_NOT_ENDED)
        self._settling.notice(Severity.WARNING, f"{batch.where()}: {_NOT_ENDED}; {_WAY_OUT}")

    async def _cancel(self, batch: SentBatch, service: Batches) -> None:
        """Ask for the end of a batch until that is answered, or a look says that it has ended: then services
        refuse it, some as a conflict, which may as well pass. Where nothing is answered in time, or the batch
        is given up meanwhile, the provider is not told.
        """
        asking = asyncio.ensure_future(
            persistently(batch, self._terms.pace, lambda: self._ask(batch, service))
        )
        until = time.monotonic() + (self._left_s(batch) or self._terms.pace.longest_again)
        try:
            while not (asking.done() or batch.has_ended.is_set() or batch.is_given_up):
                left_s = until - time.monotonic()
                if left_s <= 0.0:
                    return
                await batch.changed(left_s, asyncio.wait((asking,)))
        finally:
            asking.cancel()
            with suppress(Failure, asyncio.CancelledError):
                await asking
        if not batch.is_given_up:
            batch.waits_for = ""
            batch.is_told.set()

    async def _ask(self, batch: SentBatch, service: Batches) -> None:
        """Ask once. A batch that was just made may not be seen yet: that is no refusal."""
        try:
            await service.cancel(batch.record.provider_id or "")
        except Failure as failure:
            age_s = self._parts.wall_clock() - (batch.record.creating_at or 0.0)
            if failure.status != _NOT_FOUND or age_s > self._terms.pace.fresh:
                raise
            raise Failure(FailureKind.TRANSIENT, failure.message, status=_NOT_FOUND) from None

    async def give_up(self, batch: SentBatch, member: Member | None) -> None:
        """Close a batch that the provider did not end; its attempts have an unknown outcome."""
        for job in list(self._collector.open_jobs(batch)):
            self._settling.without_line(batch, member, job)
        await self._book.put(batch, BatchState.CLOSED, detail=_GIVEN_UP, ended_at=self._parts.wall_clock())
