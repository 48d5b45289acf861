"""Carriage: takes one batch from its plan to its end, from wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.calls import persistently
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.collector import Collector
from llmdash.engine.batches.disk_waits import DiskWaits, disk_error
from llmdash.engine.batches.dropping import Dropping, Plans
from llmdash.engine.batches.escalation import Escalation
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.queue_room import QueueRoom
from llmdash.engine.batches.refused_batches import RefusedBatches
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.batches.submitter import Submitter
from llmdash.engine.batches.twins import Spawn, Twins
from llmdash.engine.batches.watcher import AT_PROVIDER, Watcher
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.states import BatchState, Severity
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import BatchEnd, Batches
from llmdash.llms.wire.failures import Failure
from llmdash.sanitize import storable

__all__ = ["Carriage"]

_BRING_BACK = "bring it back to send its jobs again, which costs twice"
_NOT_OUT = (BatchState.PLANNED, BatchState.UPLOADED, BatchState.CREATING)


class Carriage:
    """Carries batches out and back; each is a task that goes on from the state on record. `batches` returns
    those of the run, closed ones too; `spawn` begins a task that ends the run if it breaks.
    """

    def __init__(
        self,
        parts: RunnerParts,
        runner: BatchRunner,
        carriers: Carriers,
        lending: Lending,
        settling: BatchSettling,
        collector: Collector,
        terms: BatchTerms,
        plans: Plans,
        batches: Callable[[], Sequence[SentBatch]],
        disk: DiskWaits,
        spawn: Spawn,
    ) -> None:
        self._parts = parts
        self._runner = runner
        self._carriers = carriers
        self._settling = settling
        self._collector = collector
        self._pace = terms.pace
        self._abandons = terms.abandons
        self._disk = disk
        self._batches = batches
        self._book = book = BatchBook(parts)
        self._twins = Twins(batches, settling, terms.pace, spawn)
        self._submitter = Submitter(parts, book, terms.pace, self._twins.owned, batches)
        self._refused = RefusedBatches(terms.pace)
        self._dropping = Dropping(parts, book, carriers, lending, settling, plans, self._refused)
        self._escalation = Escalation(parts, book, settling, collector, terms)
        self._watchers: dict[Member, Watcher] = {}
        self._spawn = spawn
        self._room = QueueRoom(batches)
        self._left_before: set[int] = set()
        """Batches of an earlier start that were not looked at by this one."""
        self._deadline: float | None = None

    def doubt(self, batch: SentBatch) -> None:
        """Note that a batch was left by an earlier start, which may have done more than is on record."""
        self._submitter.doubt(batch)
        self._left_before.add(batch.number)

    def set_deadline(self, at: float | None) -> None:
        """Look often as this time comes near, in Unix seconds."""
        self._deadline = at
        for watcher in self._watchers.values():
            watcher.deadline = at

    async def carry(self, batch: SentBatch) -> None:
        """Take a batch to its end."""
        while batch.state.is_open:
            key = await self._key_of(batch)
            if key is None:
                continue
            if batch.state in _NOT_OUT:
                await self._submit(batch, *key)
            elif batch.state is BatchState.ENDED:
                await self._collect(batch, *key)
            else:
                await self._await_end(batch, *key)
        self._disk.is_well(batch.number)

    async def _key_of(self, batch: SentBatch) -> tuple[Member, Batches] | None:
        """Return the key that a batch is with. Without one, what was not sent goes back; the rest waits."""
        if batch.member is None:
            batch.member = self._carriers.with_label(batch.record.key) or await self._sibling(batch)
        if batch.member is not None and (service := self._carriers.service(batch.member)) is not None:
            batch.is_stuck = False
            return batch.member, service
        if not batch.state.may_exist:
            await self._dropping.back(batch, f"its key {batch.record.key} is gone")
            return None
        if batch.is_given_up:
            await self._escalation.give_up(batch, None)
            return None
        batch.waits_for = f"key {batch.record.key} is not in this run; give it, and the batch goes on"
        batch.is_stuck = True
        await batch.changed(self._pace.first_look)
        return None

    async def _sibling(self, batch: SentBatch) -> Member | None:
        """Return another key of the endpoint that sees the batch, since they share a project."""
        for member in self._carriers.siblings(batch.record.endpoint):
            service = self._carriers.service(member)
            if service is None or batch.record.provider_id is None:
                continue
            with suppress(Failure):
                await service.status(batch.record.provider_id)
                return member
        return None

    async def _submit(self, batch: SentBatch, member: Member, service: Batches) -> None:
        """Bring a batch one step further out, as soon as the run sends at all."""
        if not batch.state.may_exist:
            if batch.is_wanted_back:
                await self._dropping.back(batch, "brought back before it was sent", service)
                return
            if self._runner.paused:
                await batch.changed(None, self._runner.may_send())
                return
            if _needs_file(batch, service) and not batch.has_file:
                await self._dropping.again(batch, "its file is gone", service)
                return
            if (rest_s := self._refused.rest_s(batch)) > 0:
                await batch.changed(rest_s)
                return
            if not self._room.takes(batch, member):
                batch.waits_for = "the tokens of other batches fill the queue"
                await batch.changed(self._pace.first_look)
                return
            batch.waits_for = ""
        try:
            await self._submitter.step(batch, service)
        except Failure as failure:
            error = disk_error(failure)
            if error is None:
                await self._dropping.refused(batch, member, service, failure)
            else:
                batch.waits_for = storable(f"the disk: {failure}")
                await self._disk.outlast(error, batch.number)
            return
        self._disk.is_well(batch.number)
        if batch.state is BatchState.OUT:
            self._refused.took(batch)
            self._watch(member, service).nudge()

    async def _await_end(self, batch: SentBatch, member: Member, service: Batches) -> None:
        """Wait for the end of a batch that is out, or for what the user wants of it."""
        if batch.is_given_up:
            await self._escalation.give_up(batch, member)
        elif batch.adopted_id is not None:
            await self._adopt(batch, service, batch.adopted_id)
        elif batch.is_over:
            await batch.changed(None)  # held: its results are gone
        elif batch.record.provider_id is None:
            await batch.changed(self._pace.longest_look)  # held: two may be this one
            if batch.adopted_id is None and not batch.is_given_up:
                await self._submitter.look_again(batch, service)
        else:
            watcher = self._watch(member, service)
            if batch.number in self._left_before:
                self._left_before.discard(batch.number)
                watcher.nudge(now=True)
            await self._escalation.step(batch, service, watcher)

    async def _adopt(self, batch: SentBatch, service: Batches, provider_id: str) -> None:
        try:
            await self._submitter.adopt(batch, await service.status(provider_id))
        except Failure as failure:
            self._settling.notice(Severity.WARNING, f"{batch.where()}: {provider_id}: {failure}")
        finally:
            batch.adopted_id = None

    async def _collect(self, batch: SentBatch, member: Member, service: Batches) -> None:
        """Settle the jobs of a batch that has ended."""
        provider_id = batch.record.provider_id or ""
        batch.has_ended.clear()
        try:
            status = batch.status
            if status is None:
                status = await persistently(batch, self._pace, lambda: service.status(provider_id))
            if status.end is BatchEnd.INVALID and status.problem is not None:
                await self._dropping.refused(batch, member, service, status.problem)
            elif not await self._collector.collect(batch, member, service, status):
                await self._submitter.disown(batch)
        except Failure as failure:
            batch.is_over = True
            await self._hold(batch, f"its results cannot be fetched; {_BRING_BACK}: {failure}")

    async def _lost(self, batch: SentBatch) -> None:
        """Hold a batch that the provider does not know any more; it is looked at all the same."""
        batch.waits_for = ""
        if not batch.is_lost:
            batch.is_lost = True
            await self._hold(batch, f"the provider does not know it any more; {_BRING_BACK}")

    async def _hold(self, batch: SentBatch, why: str) -> None:
        """Hold a batch of which nothing more comes, unless it may be given up."""
        batch.is_given_up |= batch.may_be_given_up or self._abandons
        await self._book.put(batch, BatchState.HELD, detail=why)
        self._settling.notice(Severity.WARNING, f"{batch.where()}: {why}")
        batch.wakes.set()

    def _watch(self, member: Member, service: Batches) -> Watcher:
        found = self._watchers.get(member)
        if found is None:
            found = self._watchers[member] = Watcher(
                self._parts,
                self._book,
                service,
                self._pace,
                lambda: [each for each in self._batches() if _is_out(each, member)],
                lambda listing: self._twins.look(service, listing),
                self._lost,
            )
            found.deadline = self._deadline
            self._spawn(found.run())
        return found


def _needs_file(batch: SentBatch, service: Batches) -> bool:
    return batch.state is BatchState.PLANNED or not service.takes_files


def _is_out(batch: SentBatch, member: Member) -> bool:
    is_there = batch.member is member and batch.record.provider_id is not None
    return is_there and batch.state in AT_PROVIDER and not batch.is_over
