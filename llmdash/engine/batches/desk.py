"""BatchDesk: the batches of a run, from the jobs that are sent in them to the results that come back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.carriage import Carriage
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.collector import Collector
from llmdash.engine.batches.disk_waits import DiskWaits
from llmdash.engine.batches.drafts import Drafting, sweep
from llmdash.engine.batches.errands import Errands
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.planner import Planner
from llmdash.engine.batches.run_batches import RunBatches
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.states import BatchState
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
        self.of_run = RunBatches(parts.wall_clock)
        self._errands = None if terms.errand is None else Errands(terms.errand, terms.pace)
        self.deadline = terms.deadline
        self._plans: set[asyncio.Task[None]] = set()
        """Those that are being made."""
        self.carriers = Carriers(parts.pool, parts.clock)
        self._lending = Lending(parts, runner.settling)
        settling = BatchSettling(parts, runner.settlement, self._lending)
        self._settling = settling
        pace = terms.pace
        disk = DiskWaits(settling.notice, folder, pace.again, pace.longest_again, lambda: self._is_late)
        self._drafting = Drafting(self.carriers, terms, folder)
        self._planner = Planner(
            parts,
            self._drafting,
            self._lending,
            self.carriers,
            folder,
            run,
            self.of_run.sizes_at,
            disk,
        )
        collector = Collector(parts, settling, self._lending, terms, run, disk)
        self._carriage = Carriage(
            parts,
            runner,
            self.carriers,
            self._lending,
            settling,
            collector,
            terms,
            self,
            self.of_run.all,
            disk,
            self._spawn,
        )
        parts.queue.withholds = terms.only and terms.errand is None
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried: dict[int, asyncio.Task[None]] = {}
        """The task of each batch."""
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def are_all_out(self) -> bool:
        """True if every open batch is with a provider, and there will be no more."""
        return self.of_run.are_out and not self._may_plan

    @property
    def need_user(self) -> bool:
        """True if there are open batches, and none of them goes on until the user does something."""
        open_ones = self.of_run.open
        are_over = bool(open_ones) and all(each.has_come_to_nothing for each in open_ones)
        return are_over and not self._may_plan

    @property
    def have_nothing_to_do(self) -> bool:
        """True if all that is left is withheld, but for jobs that wait for the answers of those."""
        queue, reuse = self._parts.queue, self._parts.reuse
        waiting = 0 if reuse is None else reuse.waiting
        is_left = 0 < queue.withheld == queue.open - waiting
        return is_left and not self._plans and all(task.done() for task in self._carried.values())

    @property
    def errand_is_done(self) -> bool:
        """True once a run that was opened for an errand can end."""
        return self._errands is not None and not self._plans and self._errands.are_done(self.of_run.open)

    @property
    def _may_plan(self) -> bool:
        """True while batches are planned, or one that is no more may have its jobs planned again."""
        open_ones = {each.number for each in self.of_run.open}
        ending = (task for number, task in self._carried.items() if number not in open_ones)
        return bool(self._plans) or not all(task.done() for task in ending)

    def restore(self, reader: JournalReader) -> None:
        """Take up the batches on record; their jobs are lent."""
        for number, jobs in reader.batches.members().items():
            self._parts.store.columns.put_in_batch(jobs, number)
        cost_of = self._parts.reservations.quotes.batch_cost_of
        self.of_run.restore(reader, self._folder, self.carriers, self._lending, cost_of)
        sweep(self._folder, [each.record.file for each in self.of_run.open])
        self._drafting.next_number = self.of_run.next_number

    def asking(self) -> Mapping[int, Member]:
        """Return the jobs that are in batches, and the key of each."""
        return {
            job: each.member
            for each in self.of_run.open
            if each.member is not None
            for job in each.jobs
            if self._lending.is_open(job, each.number)
        }

    async def begin(self) -> None:
        """Go on with what is on record, and plan what is pending if all of it goes in batches."""
        if self._errands is not None:
            self._errands.begin(self.of_run.open)
        for batch in self.of_run.open:
            self._carriage.doubt(batch)
            self._carry(batch)
        if self._terms.all_pending and self._errands is None and not self._parts.queue.is_gated:
            await self.send_rest()

    async def send_rest(self) -> None:
        """Lend every pending job now, and send it in batches, unless it is too late for that."""
        if self._is_late and not self._parts.queue.withholds:
            return
        jobs = await self._lending.take(self._lending.pending())
        if self._is_late:
            self._lending.give_back(jobs)
        else:
            self._plan(self._plan_taken(jobs))

    def release(self) -> None:
        """Send one by one what no batch takes, from now on."""
        self._parts.queue.release_withheld()
        self._parts.journal.facts({"batch_only": False})

    async def run(self) -> None:
        """Work until cancelled. Raises what broke it."""
        self._spawn(self._watch_deadline())
        await self._fault

    def send(self, jobs: Sequence[int] | None = None) -> None:
        """Send those of these jobs that are pending in batches; by default every one."""
        self._plan(self._send(self._lending.pending() if jobs is None else jobs))

    async def _send(self, jobs: Sequence[int]) -> None:
        await self._plan_taken(await self._lending.take(jobs))

    async def _plan_taken(self, jobs: Sequence[int], *, probe: bool = True) -> None:
        await self.carriers.check()
        async for batch in self._planner.plan(jobs, probe=probe):
            self.of_run.add(batch)
            self._settling.without_cancelled(batch)
            batch.is_wanted_back = self._is_late
            self._carry(batch)

    def _plan(self, work: Coroutine[Any, Any, None]) -> None:
        plan = self._spawn(work)
        self._plans.add(plan)
        plan.add_done_callback(self._plans.discard)

    def _carry(self, batch: SentBatch) -> None:
        self._carried[batch.number] = self._spawn(self._carry_out(batch))

    async def _carry_out(self, batch: SentBatch) -> None:
        """Take a batch to its end; where jobs go in batches only, what it has not answered goes in another
        one, as long as each answers some, and with it what the budget had no room for before.
        """
        await self._carriage.carry(batch)
        if not self._parts.queue.withholds or batch.is_wanted_back or batch.state is not BatchState.CLOSED:
            return
        left = [job for job in batch.jobs if self._lending.is_withheld(job, batch.number)]
        if len(left) < batch.record.jobs and not self._is_late:
            self.send([*left, *self._planner.coverage.take_left_out()])

    def plan_again(self, jobs: Sequence[int], endpoint_tokens: tuple[Any, int] | None = None) -> None:
        """Plan lent jobs of a batch that was not created again; with smaller batches, if the most tokens of
        one are told.
        """
        if endpoint_tokens is not None:
            self._drafting.most_tokens[endpoint_tokens[0]] = endpoint_tokens[1]
        self._plan(self._plan_taken(jobs, probe=False))

    def lose_interest(self, jobs: Sequence[int]) -> None:
        """Note of those of these jobs that are in a batch that they are about to be cancelled."""
        open_ones = {each.number: each for each in self.of_run.open}
        for job in jobs:
            batch = open_ones.get(self._lending.batch_of(job))
            if batch is not None and self._lending.is_open(job, batch.number):
                self._settling.without_interest(batch, job)

    def set_deadline(self, at: float | None) -> None:
        """Bring back what is out at this time, in Unix seconds; None for never."""
        self.deadline = at
        self._carriage.set_deadline(at)
        self._parts.journal.facts({"batch_deadline": at})

    async def recall(self, most_s: float) -> None:
        """Ask the providers to cancel every batch, for at most so long; a resume goes on with it."""
        for batch in self.of_run.open:
            batch.want_back()
        told = [each.is_told.wait() for each in self.of_run.open if each.state.may_exist]
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await asyncio.gather(*told)

    @property
    def _is_late(self) -> bool:
        """True from the deadline on."""
        return self.deadline is not None and self._parts.wall_clock() >= self.deadline

    async def _watch_deadline(self) -> None:
        """Bring back what is out once its time has come."""
        self._carriage.set_deadline(self.deadline)
        while True:
            if self._is_late:
                for batch in self.of_run.open:
                    batch.want_back()
            await asyncio.sleep(_DEADLINE_LOOK_S)

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
        ending = [each for each in self.of_run.open if each.state is BatchState.ENDED]
        await asyncio.gather(*(self._carried[each.number] for each in ending))

    async def close(self) -> None:
        """Stop what goes on; batches that are out stay there."""
        if not self._fault.done():
            self._fault.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
