"""Collector: fetches the results of a batch that has ended, and settles its jobs by them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from llmdash.engine.batches.batch import SentBatch, named
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.calls import persistently
from llmdash.engine.batches.disk_waits import DiskWaits, disk_error, words_of
from llmdash.engine.batches.forgetting import forget
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.counts import counted
from llmdash.engine.model.states import BatchState, Severity
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import BatchAnswer, BatchEnd, Batches, BatchStatus
from llmdash.llms.wire.failures import Failure
from llmdash.sanitize import storable

__all__ = ["Collector"]

_OK = 200
_AGAINS = 8.0
_NOTHING_CAME = "no line of what was sent is one of its results: they are fetched again"
_GROUP = 250
"""Lines that are written together; then it is the turn of what is sent live."""


class _Seen:
    """What was in the results of a batch so far, also by lines that were settled before."""

    def __init__(self) -> None:
        self.own = 0
        """The lines that are of this batch."""
        self._ran: set[int] = set()
        self._not_run: set[int] = set()
        self._answered: set[int] = set()
        self._with_line: set[int] = set()
        self._before: set[int] = set()
        """The jobs that had a line before the file that is read."""

    def begin(self) -> None:
        """Note that a file is about to be read."""
        self._before = self._with_line.copy()

    def begin_again(self) -> None:
        """Note that it is read from its start once more."""
        self._with_line = self._before.copy()

    def add(self, job: int, found: BatchAnswer) -> bool:
        """Note a line of this batch; False if there was one of this job before."""
        self.own += 1
        is_first = job not in self._with_line
        self._with_line.add(job)
        (self._ran if found.ran else self._not_run).add(job)
        failure = found.failure
        if found.ran and (failure is None or failure.status in (None, _OK)):
            self._answered.add(job)
        return is_first

    def expired(self, jobs: int, *, are_missing: bool) -> int:
        """Return how many of the requests for `jobs` jobs were never carried out; of those without a line it
        is not known where some `are_missing`.
        """
        without_line = 0 if are_missing else max(0, jobs - len(self._with_line))
        return len(self._not_run - self._ran) + without_line

    @property
    def counts(self) -> tuple[int, int]:
        """How many jobs were answered, and how many failed: the service may count late, or not at all."""
        return len(self._answered), len(self._ran - self._answered)

    def has_none_of(self, status: BatchStatus) -> bool:
        """True if some requests were answered, as the service says, and there is nothing of them. Where a
        batch expires some services keep no results.
        """
        if status.end is not BatchEnd.COMPLETED and not status.results:
            return False
        is_done = status.end is BatchEnd.COMPLETED if status.done is None else status.done > 0
        return is_done and not self.own

    def lacks(self, status: BatchStatus) -> bool:
        """True if more was answered than there are answers."""
        return status.end is BatchEnd.COMPLETED or len(self._answered) < (status.done or 0)


class Collector:
    """What is not in the results is pending again. Lines of other jobs, and second ones of a job, are counted
    and left alone: nothing is settled twice, however often a batch is collected.
    """

    def __init__(
        self,
        parts: RunnerParts,
        settling: BatchSettling,
        lending: Lending,
        terms: BatchTerms,
        run: str,
        disk: DiskWaits,
    ) -> None:
        self._parts = parts
        self._book = BatchBook(parts)
        self._settling = settling
        self._lending = lending
        self._terms = terms
        self._run = run
        self._disk = disk

    async def collect(self, batch: SentBatch, member: Member, service: Batches, status: BatchStatus) -> bool:
        """Settle the jobs of a batch by its results; False, and nothing is settled, if they show that it is
        another's. Raises Failure where these are gone.
        """
        seen, status = await self._take_all(batch, member, service, status)
        if not seen.own and batch.foreign and batch.may_be_of_another(service):
            return False
        are_missing = seen.lacks(status)
        await self._rest(batch, member, are_missing=are_missing)
        await self._close(batch, *seen.counts, seen.expired(batch.record.jobs, are_missing=are_missing))
        for file in (*_files(batch, status), batch.file):
            _remove(file)
        if not self._terms.keeps:
            await forget(batch, service, status)
        return True

    async def _take_all(
        self, batch: SentBatch, member: Member, service: Batches, status: BatchStatus
    ) -> tuple[_Seen, BatchStatus]:
        """Settle jobs by all files of results. Where none is there of what was done, or none of its lines is
        of the batch, it is looked at and fetched again for a while: a server in trouble may send something
        else, or nothing yet.
        """
        seen, pace = _Seen(), self._terms.pace
        until, wait_s = time.monotonic() + pace.fresh, pace.again
        while True:
            odd = batch.foreign, batch.double, batch.unreadable
            for source, file in zip(status.results, _files(batch, status), strict=True):
                await self._take(batch, member, service, source, file, seen)
            if batch.foreign or not seen.has_none_of(status) or time.monotonic() + wait_s > until:
                batch.waits_for = ""
                return seen, status
            batch.foreign, batch.double, batch.unreadable = odd
            batch.waits_for = _NOTHING_CAME
            await asyncio.sleep(wait_s)
            wait_s = min(pace.longest_again, wait_s * 2)
            status = await persistently(batch, pace, partial(service.status, status.id))

    async def _take(
        self, batch: SentBatch, member: Member, service: Batches, source: str, file: Path, seen: _Seen
    ) -> None:
        """Settle jobs by one file of results, once the disk takes it and gives it back."""
        seen.begin()
        while True:
            odd = batch.foreign, batch.double, batch.unreadable
            try:
                await self._fetch(batch, service, source, file)
                await self._settle(batch, member, service, file, seen)
            except OSError as error:
                _remove(file)
                batch.foreign, batch.double, batch.unreadable = odd
                seen.begin_again()
                batch.waits_for = storable(f"the disk: {words_of(error)}")
                await self._disk.outlast(error, batch.number)
            else:
                batch.waits_for = ""
                self._disk.is_well(batch.number)
                return

    async def _fetch(self, batch: SentBatch, service: Batches, source: str, file: Path) -> None:
        """Fetch a file of results. Raises Failure where it is gone, OSError where the disk refuses it."""
        pace = self._terms.pace
        longest_s = _AGAINS * pace.again  # a download that was cut had begun: the service is there

        async def download() -> None:
            try:
                await service.download(source, file)
            except Failure as failure:
                if (error := disk_error(failure)) is not None:
                    raise error from None
                raise

        await persistently(batch, pace, download, longest_s=longest_s)

    async def _settle(
        self, batch: SentBatch, member: Member, service: Batches, file: Path, seen: _Seen
    ) -> None:
        turns = Turns()
        for count, line in enumerate(service.lines(file)):
            await self._pause(count, turns)
            found = service.read(line)
            job = self._job_of(batch, found, seen)
            if job is not None:
                self._settling.answered(batch, member, service, job, found)

    def _job_of(self, batch: SentBatch, found: BatchAnswer, seen: _Seen) -> int | None:
        """Return the job that a line is of; None if there is nothing to settle by it."""
        name = named(found.custom_id)
        if name is None or (name.run, name.batch) != (self._run, batch.number):
            if found.custom_id is None:
                batch.unreadable += 1
            else:
                batch.foreign += 1
            return None
        if not seen.add(name.job, found):
            batch.double += 1
            return None
        # One that is not open was settled by an earlier start, or is cancelled.
        return name.job if self._lending.is_open(name.job, batch.number) else None

    async def _pause(self, count: int, turns: Turns) -> None:
        """Let others go on now and then, and the disk catch up."""
        if count % _GROUP == _GROUP - 1:
            await self._parts.journal.flushed()
        else:
            await turns.pause()

    async def _rest(self, batch: SentBatch, member: Member, *, are_missing: bool) -> None:
        """Make the jobs pending again that have no line; if some `are_missing` it is not known of which."""
        missing, turns = 0, Turns()
        for count, job in enumerate(self.open_jobs(batch)):
            await self._pause(count, turns)
            missing += 1
            if are_missing:
                self._settling.without_line(batch, member, job)
            else:
                self._settling.not_run(batch, job)
        self._report(batch, missing if are_missing else 0)

    def open_jobs(self, batch: SentBatch) -> Iterator[int]:
        """Yield the jobs of a batch without an outcome."""
        return (job for job in batch.jobs if self._lending.is_open(job, batch.number))

    def _report(self, batch: SentBatch, missing: int) -> None:
        odd = (
            (missing, "result is missing", "results are missing; these jobs are pending again"),
            (batch.foreign, "line is of no job of this run", "lines are of no job of this run"),
            (batch.double, "line came twice", "lines came twice"),
            (batch.unreadable, "line cannot be read", "lines cannot be read"),
        )
        said = [f"{number:,} {one if number == 1 else many}" for number, one, many in odd if number]
        if said:
            self._settling.notice(Severity.WARNING, f"{batch.where()}: {'; '.join(said)}")

    async def _close(self, batch: SentBatch, done: int, failed: int, expired: int) -> None:
        """Put on record that nothing is left of a batch, once all its results are."""
        await self._parts.journal.flushed()
        ended_at = batch.record.ended_at or self._parts.wall_clock()
        await self._book.put(
            batch, BatchState.CLOSED, ended_at=ended_at, done=done, failed=failed, expired=expired
        )
        jobs, came = counted(batch.record.jobs, "job"), done + failed
        said = jobs if came >= batch.record.jobs else f"{came:,} of {jobs} with a result"
        self._settling.notice(Severity.INFORMATION, f"{batch.where()} is back: {said}")


def _files(batch: SentBatch, status: BatchStatus) -> list[Path]:
    return [batch.file.with_suffix(f".{number}.out") for number in range(len(status.results))]


def _remove(file: Path) -> None:
    with suppress(OSError):  # a file that stays is in nobody's way
        file.unlink(missing_ok=True)
