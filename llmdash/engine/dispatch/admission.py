"""Admission: a job waits here until it may be sent: for a free worker, the budget, a key and a permit."""

from __future__ import annotations

from enum import Enum, auto

from llmdash.engine.dispatch.attempt import expected_tokens, model_asked
from llmdash.engine.dispatch.budget_gate import BudgetGate
from llmdash.engine.dispatch.open_jobs import OpenJobs
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.reservations import Shortage
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.dispatch.slots import WorkerSlots
from llmdash.engine.model.events import Queued, Waiting
from llmdash.engine.model.states import JobState
from llmdash.engine.pool.member import Lease
from llmdash.engine.pool.terms import Terms
from llmdash.llms.options import merge_options
from llmdash.prompts.source import InputError, Prompt

__all__ = ["Admission"]


class _Delay(Enum):
    """What became of a job that could not be sent at once."""

    WAITED = auto()
    """It waited, so that all has to be looked at again."""
    LEFT = auto()
    """Its worker has it no more: it is queued again, set aside, or has ended."""


class Admission:
    """Leases a key for one job at a time, so that no permit goes stale and the limiter has one waiter."""

    def __init__(
        self,
        parts: RunnerParts,
        jobs: OpenJobs,
        settlement: Settlement,
        slots: WorkerSlots,
        budget_gate: BudgetGate,
    ) -> None:
        self._parts = parts
        self._jobs = jobs
        self._settlement = settlement
        self._slots = slots
        self._budget_gate = budget_gate
        self._aside: dict[int, str] = {}
        """The model of each job that waits for a key of that model, while others are sent."""

    def returns_in_s(self) -> float:
        """Return the seconds until a key may be used again for some open job; infinite if only the user can
        change that.
        """
        pool = self._parts.pool
        if len(self._aside) < self._jobs.asked or not self._aside:
            return pool.returns_in_s()
        return min(pool.returns_in_s(model) for model in set(self._aside.values()))

    def forget(self, job: int) -> None:
        """Note that a job does not wait aside any more."""
        self._aside.pop(job, None)

    async def lease(self, job: int, number: int) -> Lease | None:
        """Return the lease of a key for worker `number`, with a permit; None if sending has stopped, or only
        other jobs can be sent now: the job is queued again.
        """
        parts, slots = self._parts, self._slots
        tokens = self._tokens_needed(job)
        self._aside.pop(job, None)
        while slots.may_send(number):
            await parts.asker.ready()
            if slots.busy >= slots.concurrency:
                await slots.free()
            allowed = self._jobs.terms(job)
            if allowed is None:
                self._settlement.without_key(job)
                return None
            terms: Terms | _Delay = allowed
            if parts.reservations.are_needed:
                terms = await self._within_budget(job, tokens, allowed)
            if isinstance(terms, Terms) and not parts.pool.may_lease(tokens, terms):
                terms = await self._wait_for_key(job, tokens, terms)
            if terms is _Delay.LEFT:
                return None
            if terms is _Delay.WAITED:
                continue
            await parts.limiter.acquire()
            if not slots.may_send(number):
                break
            lease = parts.pool.choose(terms, tokens)
            if lease is not None and self._budget_gate.covers(job, lease.member):
                return lease
            if lease is not None:
                parts.pool.not_sent(lease)  # what was settled meanwhile cost more than was reserved
        self._settlement.returned(job)
        return None

    async def _within_budget(self, job: int, tokens: int, terms: Terms) -> Terms | _Delay:
        """Return the terms without the keys that the budget has no room for."""
        pool, reservations = self._parts.pool, self._parts.reservations
        within = self._budget_gate.within(job, terms)
        if within is None or (isinstance(within, Shortage) and self._budget_gate.shelve(job, within)):
            return _Delay.LEFT
        if isinstance(within, Shortage):
            return await self._wait_for_room(job, within)
        if within is not terms and not terms.is_strict and not pool.may_lease(tokens, within):
            self._parts.store.apply(Waiting(job, JobState.KEY))
            await reservations.room(pool.look_in_s(tokens, within))
            return _Delay.WAITED
        return within

    async def _wait_for_room(self, job: int, shortage: Shortage) -> _Delay:
        """Wait until the budget may have room, unless a job that has its room already is to go first."""
        parts = self._parts
        if parts.queue.yield_to_urgent(job):
            parts.store.apply(Queued(job))
            return _Delay.LEFT
        parts.store.apply(Waiting(job, JobState.LIMITER))
        await (parts.reservations.larger() if shortage.is_final else parts.reservations.room())
        return _Delay.WAITED

    async def _wait_for_key(self, job: int, tokens: int, terms: Terms) -> Terms | _Delay:
        """Return the terms once a key may be leased on them."""
        parts = self._parts
        parts.store.apply(Waiting(job, JobState.KEY))
        if terms.is_strict:
            self._step_aside(job, tokens, terms)
            return _Delay.LEFT
        if await parts.pool.ready(tokens):
            parts.store.apply(Waiting(job, JobState.LIMITER))
            return terms
        if parts.queue.yield_to_urgent(job):
            parts.store.apply(Queued(job))
            return _Delay.LEFT
        return _Delay.WAITED

    def _step_aside(self, job: int, tokens: int, terms: Terms) -> None:
        """Let others go first: not every key that may send will do for this job."""
        prompt = self._prompt(job) if self._parts.pool.is_divided else None
        model = model_asked(prompt) if prompt is not None else None
        if model is not None:
            self._aside[job] = model
        delay_s = self._parts.pool.look_in_s(tokens, terms)
        self._parts.queue.schedule(job, delay_s, urgent=terms.alone)

    def _tokens_needed(self, job: int) -> int:
        """Return the expected tokens of a request; 0 if no key has a token limit."""
        parts = self._parts
        prompt = self._prompt(job) if parts.pool.counts_tokens else None
        if prompt is None:
            return 0
        options = merge_options(parts.wider_options, merge_options(parts.options, prompt.options))
        return expected_tokens(prompt, options, parts.store.mean_output_tokens)

    def _prompt(self, job: int) -> Prompt | None:
        """Return the prompt of a job; None if it cannot be read any more, which the attempt will say."""
        try:
            return self._parts.source.prompt(job)
        except InputError:
            return None
