"""Watcher: looks at the batches that are out, with one list call for all those of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchPace
from llmdash.engine.model.states import BatchState
from llmdash.llms.batches import BatchEnd, Batches, BatchListing, BatchStatus
from llmdash.llms.wire.failures import Failure
from llmdash.sanitize import storable

__all__ = ["AT_PROVIDER", "Watcher"]

AT_PROVIDER = (BatchState.OUT, BatchState.CANCELLING, BatchState.HELD)
"""The states in which a batch may go on at the provider."""

_BACK_S = 600.0
_MINUTE_S = 60.0
_SHARE = 0.1
"""How many of the calls that a service allows are used to look, at most."""
_SOON_S = 900.0
_NOT_FOUND = 404


class Watcher:
    """Looks for one key, again and again while batches are out with it: soon at first, then more rarely.

    `told` is called with each listing, also about batches that are not of this run; `lost` with a batch that
    the provider does not know any more.
    """

    def __init__(
        self,
        parts: RunnerParts,
        book: BatchBook,
        service: Batches,
        pace: BatchPace,
        out: Callable[[], Sequence[SentBatch]],
        told: Callable[[BatchListing], None],
        lost: Callable[[SentBatch], Awaitable[None]],
    ) -> None:
        self._parts = parts
        self._book = book
        self._service = service
        self._pace = pace
        self._out = out
        self._told = told
        self._lost = lost
        self._wait_s = pace.first_look
        self._nudged = asyncio.Event()
        self.deadline: float | None = None
        """When something is to be done about what is out, in Unix seconds: before it looks are not rare."""
        self.looks = 0

    def nudge(self, *, now: bool = False) -> None:
        """Look soon again: there is a new batch, or something was asked for. With `now` look at once."""
        self._wait_s = 0.0 if now else self._pace.first_look
        self._nudged.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._pause()
            if self._out():
                await self._look()

    async def _pause(self) -> None:
        least = _MINUTE_S / (self._service.limits.calls_a_minute * _SHARE)
        while True:
            wait_s = max(least if self.looks else 0.0, min(self._wait_s, self._soon_s()))
            self._nudged.clear()
            try:
                async with asyncio.timeout(wait_s if self._out() else None):
                    await self._nudged.wait()
            except TimeoutError:
                break
        self._wait_s = max(self._pace.first_look, self._wait_s)
        self._wait_s = min(self._pace.longest_look, self._wait_s * self._pace.growth)

    def _soon_s(self) -> float:
        """The longest wait this near the deadline."""
        if self.deadline is None:
            return self._pace.longest_look
        left = self.deadline - self._parts.wall_clock()
        return self._pace.longest_look if abs(left) > _SOON_S else self._pace.first_look

    async def _look(self) -> None:
        batches = self._out()
        made = [each.record.created_at or each.record.creating_at or 0.0 for each in batches]
        self.looks += 1
        try:
            listing = await self._service.look(min(made) - _BACK_S)
        except Failure as failure:
            for each in batches:
                each.waits_for = storable(f"the service does not answer: {failure}")
            return
        self._told(listing)
        if listing.at is not None:
            for batch in batches:
                batch.ahead_s = listing.at - self._parts.wall_clock()
        known = {status.id: status for status in listing.batches}
        for batch in batches:
            status = known.get(batch.record.provider_id or "") or await self._alone(batch)
            if status is not None:
                batch.waits_for = ""
                await self.saw(batch, status)

    async def _alone(self, batch: SentBatch) -> BatchStatus | None:
        """Ask for a batch that is not in the list; one that was just made may not be there yet."""
        try:
            return await self._service.status(batch.record.provider_id or "")
        except Failure as failure:
            age_s = self._parts.wall_clock() - (batch.record.creating_at or 0.0)
            if failure.status == _NOT_FOUND and age_s > self._pace.fresh:
                await self._lost(batch)
            elif failure.status == _NOT_FOUND:
                batch.waits_for = "the provider does not list it yet"
            else:
                batch.waits_for = storable(f"the service does not answer: {failure}")
            return None

    async def saw(self, batch: SentBatch, status: BatchStatus) -> None:
        """Put on record what is new of a batch."""
        was_lost, batch.is_lost = batch.is_lost, False
        batch.status, record = status, batch.record
        changes: dict[str, Any] = {
            "word": storable(status.word),
            "done": status.done,
            "failed": status.failed,
            "expires_at": status.expires_at or record.expires_at,
            "file_id": record.file_id or status.file_id,
        }
        if status.end is not BatchEnd.NOT_YET:
            await self._book.put(
                batch,
                BatchState.ENDED,
                only_in=AT_PROVIDER,
                ended_at=status.ended_at,
                detail=None,  # what it was held for, if it was
                **changes,
            )
            batch.has_ended.set()
            return
        if was_lost:
            is_asked = batch.record.cancel_at is not None
            await self._book.put(
                batch, BatchState.CANCELLING if is_asked else BatchState.OUT, only_in=AT_PROVIDER, detail=None
            )
        await self._book.put(batch, None, only_in=AT_PROVIDER, **changes)
        if status.is_cancelling:
            await self._book.put(batch, BatchState.CANCELLING, only_in=(BatchState.OUT,))
