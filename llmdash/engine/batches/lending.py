"""Lending: takes jobs out of the queue for batches, and gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence, Set

from llmdash.engine.batches.turns import Turns
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.events import Batched, Queued
from llmdash.engine.model.states import JobState

__all__ = ["Lending"]

_SLICE = 1_000
"""Jobs that are lent in a row; then the loop goes on with what is in flight."""


class Lending:
    """A job that is lent is in the state BATCHED: no worker takes it until it is given back."""

    def __init__(self, parts: RunnerParts, settling: Set[int]) -> None:
        self._parts = parts
        self.settling = settling
        """The jobs whose result is written but not on disk yet."""

    def pending(self) -> list[int]:
        """Return the jobs that may be lent now, in the order of the input."""
        return self._parts.store.columns.jobs_in(JobState.QUEUED)

    async def take(self, jobs: Sequence[int]) -> list[int]:
        """Lend those of `jobs` that are pending. Those that wait for the answer of another, or have one on
        record, stay: they cost nothing.
        """
        taken: list[int] = []
        for begin in range(0, len(jobs), _SLICE):
            some = [job for job in jobs[begin : begin + _SLICE] if self._may_go(job)]
            for job in some:
                self._parts.queue.lend(job)
            self._parts.store.apply(Batched(some, 0))
            taken += some
            await asyncio.sleep(0)
        return taken

    def restore(self, jobs: Sequence[int], batch: int) -> None:
        """Lend the jobs of a batch on record."""
        for job in jobs:
            self._parts.queue.lend(job)
        self._parts.store.apply(Batched(jobs, batch))

    async def move(self, jobs: Sequence[int], batch: int) -> None:
        """Note which batch lent jobs are in now; 0 while one is planned. Those that were cancelled meanwhile
        stay so.
        """
        turns = Turns()
        for begin in range(0, len(jobs), _SLICE):
            some = [job for job in jobs[begin : begin + _SLICE] if self._is_lent(job)]
            self._parts.store.apply(Batched(some, batch))
            await turns.pause()

    def give_back(self, jobs: Iterable[int]) -> None:
        """Queue or withhold jobs again, without an outcome; those that were cancelled meanwhile stay so."""
        for job in filter(self._is_lent, jobs):
            self._parts.reservations.give_back(job)
            self._parts.queue.take_back(job)
            self._parts.store.apply(Queued(job))

    def give_out_first(self, job: int) -> None:
        """Queue a lent job for the workers before all others, also where those are withheld."""
        self._parts.queue.give_out_first(job)
        self._parts.store.apply(Queued(job))

    def end(self, job: int) -> None:
        """Note that a lent job is about to be settled."""
        self._parts.queue.end_loan(job)

    def batch_of(self, job: int) -> int:
        """Return the batch that a job is or was last in; 0 for none."""
        columns = self._parts.store.columns
        return columns.batch[job] if 0 <= job < columns.jobs else 0

    def is_open(self, job: int, batch: int) -> bool:
        """True if a job is lent to this batch, without an outcome so far."""
        columns = self._parts.store.columns
        return 0 <= job < columns.jobs and columns.batch[job] == batch and self._is_lent(job)

    def is_of_draft(self, job: int) -> bool:
        """True for a job of a draft that is still lent, or was cancelled since: its request is in the file
        all the same, and may be paid for.
        """
        columns, state = self._parts.store.columns, JobState(self._parts.store.columns.state[job])
        return state is JobState.CANCELLED or (state is JobState.BATCHED and columns.batch[job] == 0)

    def is_withheld(self, job: int, batch: int) -> bool:
        """True if a job came back without an outcome from this batch, the last that it was in."""
        columns = self._parts.store.columns
        return columns.state[job] == JobState.QUEUED and columns.batch[job] == batch

    def _is_lent(self, job: int) -> bool:
        return self._parts.store.columns.state[job] == JobState.BATCHED and job not in self.settling

    def _may_go(self, job: int) -> bool:
        parts = self._parts
        if not 0 <= job < parts.store.columns.jobs or parts.store.columns.state[job] != JobState.QUEUED:
            return False
        if job in parts.reservations.shelved:
            return False
        reuse = parts.reuse
        return reuse is None or (
            not reuse.is_waiting(job) and reuse.find(job) is None and not reuse.is_waiting(job)
        )
