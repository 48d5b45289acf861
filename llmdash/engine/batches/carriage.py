"""Carriage: takes one batch from its plan to its end, from wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from llmdash.engine.batches.batch import Batch
from llmdash.engine.batches.calls import persistently
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.collector import Collector
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.refused_batches import RefusedBatches, Verdict
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.batches.submitter import Submitter
from llmdash.engine.batches.terms import BatchTerms
from llmdash.engine.batches.watcher import Watcher
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import BatchState, Severity
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import BatchEnd, Batches, BatchListing
from llmdash.llms.wire.failures import Failure

__all__ = ["Carriage", "Plans"]

_NOT_OUT = (BatchState.PLANNED, BatchState.UPLOADED, BatchState.CREATING)
_TWIN = "was created twice; the other one is cancelled"


class Plans(Protocol):
    """What knows the batches of a run, and plans more."""

    @property
    def open_batches(self) -> Sequence[Batch]: ...
    @property
    def all_batches(self) -> Sequence[Batch]: ...

    def plan_again(self, jobs: Sequence[int], endpoint_tokens: tuple[Any, int] | None = None) -> None:
        """Plan lent jobs again."""


class Carriage:
    """Carries batches out and back; each is a task that goes on from the state on record."""

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
    ) -> None:
        self._parts = parts
        self._runner = runner
        self._carriers = carriers
        self._lending = lending
        self._settling = settling
        self._collector = collector
        self._terms = terms
        self._plans = plans
        self._submitter = Submitter(parts, terms.pace, self._owned)
        self._refused = RefusedBatches(terms.pace)
        self._watchers: dict[Member, Watcher] = {}
        self._twins: set[str] = set()
        self._deadline: float | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        """Those that look."""

    def doubt(self, batch: Batch) -> None:
        """Note that a batch was left by an earlier start, which may have done more than is on record."""
        self._submitter.doubt(batch)

    def set_deadline(self, at: float | None) -> None:
        """Look often as this time comes near, in Unix seconds."""
        self._deadline = at
        for watcher in self._watchers.values():
            watcher.deadline = at

    async def carry(self, batch: Batch) -> None:
        """Take a batch to its end."""
        while batch.state.is_open:
            key = await self._key_of(batch)
            if key is None:
                continue
            member, service = key
            if batch.state in _NOT_OUT:
                await self._submit(batch, member, service)
            elif batch.state is BatchState.ENDED:
                await self._collect(batch, member, service)
            else:
                await self._await_end(batch, member, service)

    async def _key_of(self, batch: Batch) -> tuple[Member, Batches] | None:
        """Return the key that a batch is with. Without one, what was not sent goes back; the rest waits."""
        if batch.member is None:
            batch.member = self._carriers.with_label(batch.record.key) or await self._sibling(batch)
        if batch.member is not None and (service := self._carriers.service(batch.member)) is not None:
            batch.service = service
            return batch.member, service
        if not batch.state.may_exist:
            await self._drop(batch, f"its key {batch.record.key} is gone")
            self._lending.give_back(batch.jobs)
            return None
        batch.waits_for = f"key {batch.record.key} is not in this run; give it, and the batch goes on"
        await self._woken(batch, self._terms.pace.first_look)
        return None

    async def _sibling(self, batch: Batch) -> Member | None:
        """Return another key of the endpoint that sees the batch, since they share a project."""
        for member in self._carriers.siblings(batch.record.endpoint):
            service = self._carriers.service(member)
            if service is None or batch.record.provider_id is None:
                continue
            with suppress(Failure):
                await service.status(batch.record.provider_id)
                return member
        return None

    async def _submit(self, batch: Batch, member: Member, service: Batches) -> None:
        """Bring a batch one step further out, as soon as the run sends at all."""
        if batch.is_wanted_back and not batch.state.may_exist:
            await self._drop(batch, "brought back before it was sent")
            self._lending.give_back(batch.jobs)
            return
        if batch.state is not BatchState.CREATING and not batch.file.exists():
            await self._drop(batch, "its file is gone")
            self._lending.give_back(batch.jobs)
            return
        if not batch.state.may_exist:
            await self._runner.may_send()
            await self._refused.turn(batch)
        try:
            await self._submitter.step(batch, service)
        except Failure as failure:
            await self._was_refused(batch, member, failure)
            return
        if batch.state is BatchState.OUT:
            self._refused.took(batch)
            self._watch(member, service).nudge()

    async def _was_refused(self, batch: Batch, member: Member, failure: Failure) -> None:
        """Do what follows from a refusal of a batch that does not exist at the provider."""
        verdict = self._refused.judge(batch, failure)
        if verdict is Verdict.LATER:
            return
        if verdict is Verdict.OTHER_KEY:
            self._settling.key_refused(member, failure)
        if verdict is Verdict.NO_SERVICE:
            self._carriers.switch_off(member.endpoint, batch.record.model, str(failure))
        await self._drop(batch, str(failure))
        self._settling.notice(Severity.WARNING, f"{batch.where()} was not taken: {failure}")
        if verdict is Verdict.SMALLER:
            most = max(1, batch.record.tokens // 2)
            self._plans.plan_again(batch.jobs, ((member.endpoint, batch.record.model), most))
        elif verdict is Verdict.OTHER_KEY and self._carriers.next_member(member.endpoint, batch.record.model):
            self._plans.plan_again(batch.jobs)
        else:
            self._lending.give_back(batch.jobs)

    async def _drop(self, batch: Batch, why: str) -> None:
        """Put on record that a batch will not be created; its jobs stay lent."""
        record = batch.became(BatchState.DROPPED, detail=why, ended_at=self._parts.wall_clock())
        tries = self._parts.store.columns.tries
        unsent = [
            AttemptRecord(
                job,
                tries[job],
                record.key,
                "unsent",
                record.planned_at,
                ended_at=record.ended_at,
                batch=record.batch,
            )
            for job in batch.jobs
        ]
        await self._parts.journal.batch(record, unsent)
        batch.record = record
        for job in batch.jobs:
            tries[job] -= 1
        self._lending.note(batch.jobs, 0)
        with suppress(OSError):
            batch.file.unlink(missing_ok=True)

    async def _await_end(self, batch: Batch, member: Member, service: Batches) -> None:
        """Wait for the end of a batch that is out, or for what the user wants of it."""
        if batch.adopted_id is not None:
            await self._adopt(batch, service, batch.adopted_id)
            return
        if batch.record.provider_id is None:  # held: two may be this one
            await self._woken(batch, None)
            return
        watcher = self._watch(member, service)
        if batch.is_given_up:
            await self._give_up(batch, member)
            return
        if batch.is_wanted_back and batch.record.cancel_at is None:
            await self._keep(batch, BatchState.CANCELLING, cancel_at=self._parts.wall_clock())
        if batch.state is BatchState.CANCELLING and not batch.is_told.is_set():
            await self._cancel(batch, service)
            watcher.nudge()
        await self._woken(batch, self._cancelling_left(batch))
        if self._cancelling_left(batch) == 0.0 and not batch.has_ended.is_set():
            if self._terms.abandons:
                batch.is_given_up = True
            elif batch.state is not BatchState.HELD:
                words = (
                    "the provider does not end it; wait, or have its jobs sent again, which may cost twice"
                )
                await self._keep(batch, BatchState.HELD, detail=words)
                self._settling.notice(Severity.WARNING, f"{batch.where()}: {words}")

    def _cancelling_left(self, batch: Batch) -> float | None:
        """Seconds for which a batch that is cancelled may go on; None if it is not, or is held for that."""
        if batch.record.cancel_at is None or batch.state is BatchState.HELD:
            return None
        return max(0.0, batch.record.cancel_at + self._terms.pace.cancelling - self._parts.wall_clock())

    async def _cancel(self, batch: Batch, service: Batches) -> None:
        provider_id = batch.record.provider_id or ""
        with suppress(Failure):  # refused: it has ended meanwhile, which a look will say
            await persistently(batch, self._terms.pace, lambda: service.cancel(provider_id))
        batch.is_told.set()

    async def _adopt(self, batch: Batch, service: Batches, provider_id: str) -> None:
        batch.adopted_id = None
        try:
            await self._submitter.adopt(batch, await service.status(provider_id))
        except Failure as failure:
            self._settling.notice(Severity.WARNING, f"{batch.where()}: {provider_id}: {failure}")

    async def _give_up(self, batch: Batch, member: Member) -> None:
        """Close a batch that the provider did not end; its attempts have an unknown outcome."""
        for job in list(self._collector.open_jobs(batch)):
            self._settling.without_line(batch, member, job)
        words = "given up before its end: some of its jobs may cost twice"
        await self._keep(batch, BatchState.CLOSED, detail=words, ended_at=self._parts.wall_clock())

    async def _collect(self, batch: Batch, member: Member, service: Batches) -> None:
        """Settle the jobs of a batch that has ended."""
        provider_id = batch.record.provider_id or ""
        try:
            status = batch.status
            if status is None:
                status = await persistently(batch, self._terms.pace, lambda: service.status(provider_id))
            if status.end is BatchEnd.INVALID and status.problem is not None:
                await self._was_refused(batch, member, status.problem)
            else:
                await self._collector.collect(batch, member, service, status)
        except Failure as failure:
            words = f"its results cannot be fetched: {failure}"
            await self._keep(batch, BatchState.HELD, detail=words)
            self._settling.notice(Severity.WARNING, f"{batch.where()}: {words}")

    async def _woken(self, batch: Batch, most_s: float | None) -> None:
        """Wait until a batch has ended, or something about it was changed; at most so long."""
        waits = [asyncio.ensure_future(each.wait()) for each in (batch.has_ended, batch.wakes)]
        try:
            await asyncio.wait(waits, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        batch.wakes.clear()

    async def _keep(self, batch: Batch, state: BatchState, **changes: Any) -> None:
        record = batch.became(state, **changes)
        await self._parts.journal.batch(record)
        batch.record = record

    def _watch(self, member: Member, service: Batches) -> Watcher:
        watcher = self._watchers.get(member)
        if watcher is None:
            out = lambda: [each for each in self._plans.open_batches if _is_out(each, member)]  # noqa: E731
            watcher = Watcher(self._parts, member, service, self._terms.pace, out, self._listed)
            watcher.deadline = self._deadline
            self._watchers[member] = watcher
            task = asyncio.create_task(watcher.run())
            self.tasks.add(task)
        return watcher

    def _owned(self) -> set[str]:
        known = (each.record.provider_id for each in self._plans.all_batches)
        return {each for each in known if each is not None} | self._twins

    def _listed(self, member: Member, service: Batches, listing: BatchListing) -> None:
        """Look for twins: batches with the name of one of this run that are another one."""
        by_name = {each.record.name: each for each in self._plans.open_batches if each.record.provider_id}
        for status in listing.batches:
            batch = by_name.get(status.name or "")
            if batch is None or status.id in self._owned() or status.end is not BatchEnd.NOT_YET:
                continue
            self._twins.add(status.id)
            self._settling.notice(Severity.WARNING, f"{batch.where()} {_TWIN}: {status.id}")
            task = asyncio.create_task(self._cancel_twin(batch, service, status.id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _cancel_twin(self, batch: Batch, service: Batches, twin: str) -> None:
        with suppress(Failure):
            await persistently(batch, self._terms.pace, lambda: service.cancel(twin))


def _is_out(batch: Batch, member: Member) -> bool:
    return (
        batch.member is member
        and batch.record.provider_id is not None
        and batch.state in (BatchState.OUT, BatchState.CANCELLING, BatchState.HELD)
    )
