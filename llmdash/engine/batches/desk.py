"""BatchDesk: the batches of a run, from the jobs that are sent in them to the results that come back."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.carriage import Carriage
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.collector import Collector
from llmdash.engine.batches.errands import Errands
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.planner import Planner
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState, JobState, Severity
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.member import Member

__all__ = ["BatchDesk"]

_DEADLINE_LOOK_S = 1.0


class BatchDesk:
    """Plans batches, carries each out and back, and brings back what is late. On the event loop of the run.

    `run` is the name of the run in the ids of its requests.
    """

    def __init__(
        self,
        parts: RunnerParts,
        runner: BatchRunner,
        terms: BatchTerms,
        folder: Path,
        run: str,
    ) -> None:
        self._parts = parts
        self._terms = terms
        self._folder = folder
        self.batches: dict[int, SentBatch] = {}
        """Every batch of the run, by its number; those that are closed too."""
        self._errands = None if terms.errand is None else Errands(terms.errand, terms.pace)
        self.deadline = terms.deadline
        self.planning = 0
        """The number of plans that are being made."""
        self.carriers = Carriers(parts.pool)
        self._lending = Lending(parts, runner.settling)
        settling = BatchSettling(parts, runner.settlement, self._lending)
        self._settling = settling
        self._planner = Planner(parts, self.carriers, self._lending, terms, folder, run, self._sizes_at)
        collector = Collector(parts, settling, self._lending, terms, run)
        self._carriage = Carriage(
            parts,
            runner,
            self.carriers,
            self._lending,
            settling,
            collector,
            terms,
            self,
            lambda: self.all_batches,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried: dict[int, asyncio.Task[None]] = {}
        """The task of each batch."""
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def all_batches(self) -> Sequence[SentBatch]:
        """Every batch, by its number."""
        return tuple(self.batches.values())

    @property
    def open_batches(self) -> Sequence[SentBatch]:
        """The batches that jobs may be with, by their numbers."""
        return [each for each in self.batches.values() if each.state.is_open]

    @property
    def are_all_out(self) -> bool:
        """True if every open batch is with a provider, and no more is being planned."""
        return not self.planning and all(map(_is_out, self.open_batches))

    @property
    def errand_is_done(self) -> bool:
        """True once a run that was opened for an errand can end."""
        return self._errands is not None and not self.planning and self._errands.are_done(self.open_batches)

    def restore(self, reader: JournalReader) -> None:
        """Take up the batches on record; their jobs are lent."""
        of_batch = reader.batches.jobs()
        for record in reader.batches.records():
            jobs = of_batch.pop(record.batch, array("I"))
            batch = self._restored(record, jobs)
            self.batches[record.batch] = batch
            if batch.state.is_open:
                self._lending.restore(jobs, record.batch)
        self._restore_costs(reader)
        self._planner.number_from(max(self.batches, default=0) + 1)

    def _restored(self, record: BatchRecord, jobs: array[int]) -> SentBatch:
        member = self.carriers.with_label(record.key)
        return SentBatch(record, self._folder, jobs, member)

    def _restore_costs(self, reader: JournalReader) -> None:
        cost_of = self._parts.reservations.quotes.batch_cost_of
        for number, label, model, tokens in reader.batches.spent():
            batch, dollars = self.batches.get(number), cost_of(label, model, Tokens(*tokens))
            if batch is not None and dollars is not None:
                batch.dollars = (batch.dollars or 0.0) + dollars

    def asking(self) -> Mapping[int, Member]:
        """Return the jobs that are in batches, and the key of each."""
        return {
            job: each.member
            for each in self.open_batches
            if each.member is not None
            for job in each.jobs
            if self._lending.is_open(job, each.number)
        }

    async def begin(self) -> None:
        """Go on with what is on record, and plan what is pending if all of it goes in batches."""
        if self._errands is not None:
            self._errands.begin(self.open_batches)
        for batch in self.open_batches:
            self._carriage.doubt(batch)
            self._carry(batch)
        if self._is_late:
            return
        if self._terms.all_pending and self._errands is None and not self._parts.queue.is_gated:
            await self.send_rest()

    async def send_rest(self) -> None:
        """Lend every pending job now, and send it in batches."""
        jobs = await self._lending.take(self._lending.pending())
        self._spawn(self._plan_taken(jobs))

    async def run(self) -> None:
        """Work until cancelled. Raises what broke it."""
        self._spawn(self._watch_deadline())
        await self._fault

    def send(self, jobs: Sequence[int] | None = None) -> None:
        """Send those of these jobs that are pending in batches; by default every one."""
        self._spawn(self._send(self._lending.pending() if jobs is None else jobs))

    async def _send(self, jobs: Sequence[int]) -> None:
        await self._plan_taken(await self._lending.take(jobs))

    async def _plan_taken(self, jobs: Sequence[int]) -> None:
        self.planning += 1
        try:
            await self.carriers.check()
            await self._plan(jobs, probe=True)
        finally:
            self.planning -= 1

    async def _plan(self, jobs: Sequence[int], *, probe: bool) -> None:
        async for batch in self._planner.plan(jobs, probe=probe):
            self.batches[batch.number] = batch
            batch.is_wanted_back = self._is_late
            self._carry(batch)

    def _carry(self, batch: SentBatch) -> None:
        self._carried[batch.number] = self._spawn(self._carriage.carry(batch))

    def plan_again(self, jobs: Sequence[int], endpoint_tokens: tuple[Any, int] | None = None) -> None:
        """Plan lent jobs of a batch that was not created again; with smaller batches, if the most tokens of
        one are told.
        """
        if endpoint_tokens is not None:
            self._planner.most_tokens[endpoint_tokens[0]] = endpoint_tokens[1]

        async def again() -> None:
            self.planning += 1
            try:
                await self._plan(jobs, probe=False)
            finally:
                self.planning -= 1

        self._spawn(again())

    def bring_back(self, number: int) -> None:
        """Cancel a batch, and make those of its jobs pending that come back without a result."""
        batch = self._open(number)
        batch.is_wanted_back = True
        batch.wakes.set()

    def give_up(self, number: int) -> None:
        """Send the jobs of a batch again, although the provider has not ended it: some may cost twice."""
        batch = self._open(number)
        batch.is_wanted_back = batch.is_given_up = True
        batch.wakes.set()

    def lose_interest(self, jobs: Sequence[int]) -> None:
        """Note of those of these jobs that are in a batch that they are about to be cancelled."""
        for job in jobs:
            batch = self.batches.get(self._lending.batch_of(job))
            if batch is not None and batch.member is not None and self._lending.is_open(job, batch.number):
                self._settling.without_interest(batch, batch.member, job)

    def adopt(self, number: int, provider_id: str) -> None:
        """Take a batch of the provider for this one. Raises ValueError where it has one already."""
        batch = self._open(number)
        if batch.record.provider_id is not None:
            raise ValueError(f"{batch.where()} is known: there is nothing to adopt")
        batch.adopted_id = provider_id
        batch.wakes.set()

    def set_deadline(self, at: float | None) -> None:
        """Bring back what is out at this time, in Unix seconds; None for never."""
        self.deadline = at
        self._carriage.set_deadline(at)
        self._parts.journal.facts({"batch_deadline": at})

    async def recall(self, most_s: float) -> None:
        """Ask the providers to cancel every batch, for at most so long; a resume goes on with it."""
        for batch in self.open_batches:
            batch.is_wanted_back = True
            batch.wakes.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await asyncio.gather(
                    *(each.is_told.wait() for each in self.open_batches if each.state.may_exist)
                )

    def _open(self, number: int) -> SentBatch:
        batch = self.batches.get(number)
        if batch is None or not batch.state.is_open:
            raise ValueError(f"there is no batch {number} that is open")
        return batch

    @property
    def _is_late(self) -> bool:
        """True from the deadline on."""
        return self.deadline is not None and self._parts.wall_clock() >= self.deadline

    async def _watch_deadline(self) -> None:
        """Bring back what is out once its time has come."""
        self._carriage.set_deadline(self.deadline)
        while True:
            if self._is_late:
                for batch in self.open_batches:
                    if not batch.is_wanted_back:
                        batch.is_wanted_back = True
                        batch.wakes.set()
            await asyncio.sleep(_DEADLINE_LOOK_S)

    def _sizes_at(self, endpoint: str) -> set[int]:
        return {each.record.jobs for each in self.open_batches if each.record.endpoint == endpoint}

    @property
    def held(self) -> int:
        """The number of jobs that are lent."""
        return self._parts.store.columns.counts[JobState.BATCHED]

    def rows(self) -> tuple[BatchRow, ...]:
        """Return the batches as a frame shows them; any thread may ask."""
        now = self._parts.wall_clock()
        return tuple(
            batch_row(
                each.record, now + each.ahead_s, left=each.left, cost=each.dollars, waits_for=each.waits_for
            )
            for each in tuple(self.batches.values())
        )

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice."""
        self._settling.notice(severity, words)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._fault.done():
            self._fault.set_exception(error)

    async def settled(self) -> None:
        """Wait until the batches are closed whose results are being fetched."""
        ending = [each for each in self.open_batches if each.state is BatchState.ENDED]
        await asyncio.gather(*(self._carried[each.number] for each in ending))

    async def close(self) -> None:
        """Stop what goes on; batches that are out stay there."""
        if not self._fault.done():
            self._fault.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._carriage.close()


def _is_out(batch: SentBatch) -> bool:
    return batch.record.provider_id is not None and batch.state is not BatchState.ENDED
