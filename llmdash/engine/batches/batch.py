"""SentBatch: one batch of a run, and the names by which its requests are known at the provider."""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import Batches, BatchStatus

__all__ = ["RequestName", "SentBatch", "batch_name", "named", "request_name"]

_REQUEST = re.compile(r"r([0-9a-z]{1,16})-([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,9})")


class RequestName(NamedTuple):
    """The parts of a request's id at the provider, which no id of the user is a part of."""

    run: str
    batch: int
    job: int
    attempt: int


def batch_name(run: str, batch: int) -> str:
    """Return what a batch is called at the provider; `run` are letters and digits of its own."""
    return f"r{run}-{batch}"


def request_name(run: str, batch: int, job: int, attempt: int) -> str:
    """Return the id of a request; at most 64 letters, digits and dashes, which every service takes."""
    return f"r{run}-{batch}-{job}-{attempt}"


def named(text: str | None) -> RequestName | None:
    """Return the parts of an id; None if it is none of ours."""
    found = _REQUEST.fullmatch(text or "")
    if found is None:
        return None
    return RequestName(found[1], int(found[2]), int(found[3]), int(found[4]))


class SentBatch:
    """One batch: where it is, with which key, and its jobs. `member` is None while no key can reach it."""

    def __init__(
        self,
        record: BatchRecord,
        folder: Path,
        jobs: array[int],
        member: Member | None,
    ) -> None:
        self.record = record
        self.file = folder / record.file
        self.jobs = jobs
        self.member = member
        self.left = len(jobs) if self.state.is_open else 0
        """The jobs without an outcome."""
        self.dollars: float | None = None
        """What came back has cost, as far as that is known."""
        self.status: BatchStatus | None = None
        self.ahead_s = 0.0
        """By how much the provider's clock is ahead of ours, in seconds."""
        self.waits_for = ""
        """Why nothing happens with it now, in words; empty where that goes without saying."""
        self.foreign = self.double = self.unreadable = 0
        """Lines of results that are of no job of this batch, of one that has its outcome, or of none."""
        self.is_wanted_back = self.is_given_up = False
        """Whether it is to be cancelled; whether its jobs are sent again although it may go on."""
        self.may_be_given_up = False
        """Whether its jobs are sent again where its results still cannot be fetched."""
        self.is_over = False
        """True if it is held although it has ended: its results cannot be fetched."""
        self.is_told = asyncio.Event()
        """Set once the provider was asked to cancel it, by this start."""
        self.is_stuck = False
        """Whether it waits for a key that is not there."""
        self.is_lost = False
        """Whether the provider does not know it any more, as far as that is known."""
        self.may_have_files = False
        """Whether more than one file of it may be at the provider, since the answer to an upload was lost."""
        self.adopted_id: str | None = None
        """The provider's batch that the user takes for it."""
        self.has_ended = asyncio.Event()
        self.writing = asyncio.Lock()
        """Held while its row is written."""
        self.wakes = asyncio.Event()
        """Set when something about it was changed from outside."""

    def may_be_of_another(self, service: Batches) -> bool:
        """True if the provider's batch was found by its size: then its file is kept until that is proven."""
        return not service.names_batches and self.has_file

    @property
    def has_file(self) -> bool:
        """False if the file of its requests is not there; True also where the disk does not say."""
        try:
            return self.file.exists()
        except OSError:
            return True

    def forget_status(self) -> None:
        """Know nothing of what the provider has of it."""
        self.status = None
        self.foreign = 0
        self.has_ended.clear()
        self.is_told.clear()

    @property
    def number(self) -> int:
        return self.record.batch

    @property
    def state(self) -> BatchState:
        return BatchState(self.record.state)

    @property
    def needs_user(self) -> bool:
        """True if nothing more becomes of it until the user does something."""
        return (self.state is BatchState.HELD or self.is_stuck) and not self.is_given_up

    @property
    def has_come_to_nothing(self) -> bool:
        """True if that is so, and will stay so: it cannot be fetched, or there is no key to look at it."""
        return (self.is_over or self.is_lost or self.is_stuck) and not self.is_given_up

    def want_back(self) -> None:
        """Have it cancelled; its jobs without a result are pending again once it has ended."""
        if not self.is_wanted_back:
            self.is_wanted_back = True
            self.wakes.set()

    def give_up(self) -> None:
        """Have its jobs sent again, although the provider has not ended it: some may cost twice."""
        self.is_wanted_back = self.is_given_up = True
        self.wakes.set()

    def adopt(self, provider_id: str) -> None:
        """Take a batch of the provider for this one. Raises ValueError where it has one already."""
        if self.record.provider_id is not None:
            raise ValueError(f"{self.where()} is known: there is nothing to adopt")
        self.adopted_id = provider_id
        self.wakes.set()

    async def changed(self, most_s: float | None, *others: Awaitable[object]) -> None:
        """Wait until it has ended, something about it was changed from outside, or one of `others` is there;
        at most so long.
        """
        waits = [asyncio.ensure_future(each) for each in (self.has_ended.wait(), self.wakes.wait(), *others)]
        try:
            await asyncio.wait(waits, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        self.wakes.clear()

    def where(self) -> str:
        """Return what the batch is called in a message."""
        return f"Batch {self.number} ({self.record.provider_id or self.record.name})"
