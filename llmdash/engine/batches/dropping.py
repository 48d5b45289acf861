"""Dropping: what becomes of a batch that is not created: its jobs are planned again, or go back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.forgetting import forget
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.refused_batches import AfterRefusal, RefusedBatches
from llmdash.engine.batches.settling import BatchSettling
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import BatchState, Severity
from llmdash.engine.pool.member import Member
from llmdash.llms.batches import Batches
from llmdash.llms.wire.failures import Failure

__all__ = ["Dropping", "Plans"]


_ELSEWHERE = (AfterRefusal.OTHER_KEY, AfterRefusal.LATER)


class Plans(Protocol):
    """What plans batches."""

    def plan_again(self, jobs: Sequence[int], endpoint_tokens: tuple[Any, int] | None = None) -> None:
        """Plan lent jobs again; with the most tokens of a batch of an endpoint and model, if told."""


class Dropping:
    """Drops batches of which it is sure that they do not exist at the provider."""

    def __init__(
        self,
        parts: RunnerParts,
        book: BatchBook,
        carriers: Carriers,
        lending: Lending,
        settling: BatchSettling,
        plans: Plans,
        refused: RefusedBatches,
    ) -> None:
        self._parts = parts
        self._book = book
        self._carriers = carriers
        self._lending = lending
        self._settling = settling
        self._plans = plans
        self._refused = refused

    async def back(self, batch: SentBatch, why: str, service: Batches | None = None) -> None:
        """Drop a batch; its jobs are pending again, and its file is deleted at the service."""
        self._lending.give_back(await self._drop(batch, why))
        if service is not None:
            await forget(batch, service)

    async def again(self, batch: SentBatch, why: str, service: Batches) -> None:
        """Drop a batch whose file is lost before it was sent; its jobs are written into another."""
        self._plans.plan_again(await self._drop(batch, why))
        await forget(batch, service)

    async def refused(self, batch: SentBatch, member: Member, service: Batches, failure: Failure) -> None:
        """Do what follows from a refusal."""
        verdict = self._refused.judge(batch, failure)
        if verdict is AfterRefusal.LATER and batch.state is not BatchState.ENDED:
            return
        if verdict is AfterRefusal.OTHER_KEY:
            self._settling.key_refused(member, failure)
        if verdict is AfterRefusal.NO_SERVICE:
            self._carriers.switch_off(member.endpoint, batch.record.model, str(failure))
        jobs = await self._drop(batch, str(failure))
        self._settling.notice(Severity.WARNING, f"{batch.where()} was not taken: {failure}")
        queue = member.endpoint, batch.record.model
        if verdict is AfterRefusal.SMALLER:
            self._plans.plan_again(jobs, (queue, max(1, batch.record.tokens // 2)))
        elif verdict in _ELSEWHERE and self._carriers.next_member(*queue) is not None:
            self._plans.plan_again(jobs)
        else:
            self._lending.give_back(jobs)
        await forget(batch, service)

    async def _drop(self, batch: SentBatch, why: str) -> Sequence[int]:
        """Put on record that a batch will not be created. Return its jobs, but for those that were cancelled
        meanwhile; they stay lent.
        """
        jobs = [job for job in batch.jobs if self._lending.is_open(job, batch.number)]
        record, now, tries = batch.record, self._parts.wall_clock(), self._parts.store.columns.tries
        unsent = [
            AttemptRecord(
                job, tries[job], record.key, "unsent", record.planned_at, ended_at=now, batch=record.batch
            )
            for job in jobs
        ]
        await self._book.put(batch, BatchState.DROPPED, unsent, detail=why, ended_at=now)
        batch.left = 0
        for job in jobs:
            tries[job] -= 1
            self._parts.reservations.give_back(job)
        await self._lending.move(jobs, 0)
        with suppress(OSError):
            batch.file.unlink(missing_ok=True)
        return jobs
