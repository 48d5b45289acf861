"""BudgetGate: whether the budget has room for a job, and what happens to those that it has none for."""

from __future__ import annotations

from llmdash.engine.dispatch.open_jobs import OpenJobs
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.reservations import NO_PRICE, Shortage
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.model.events import Queued
from llmdash.engine.pool.member import Member
from llmdash.engine.pool.terms import Terms
from llmdash.prompts.source import InputError, Prompt

__all__ = ["BudgetGate"]


class BudgetGate:
    """Asks the reservations on behalf of jobs, which it knows by their prompts."""

    def __init__(self, parts: RunnerParts, jobs: OpenJobs, settlement: Settlement) -> None:
        self._parts = parts
        self._jobs = jobs
        self._reservations = parts.reservations
        self._settlement = settlement

    def within(self, job: int, terms: Terms) -> Terms | Shortage | None:
        """Return the terms without the keys that the budget has no room for; None if the job failed instead,
        since it has no price.
        """
        prompt = self._prompt(job)
        if prompt is None:
            return terms  # the attempt will say so
        within = self._reservations.within(job, prompt, terms, self._parts.pool.members)
        if within is None:
            self._settlement.refused(job, NO_PRICE)
        return within

    def covers(self, job: int, member: Member) -> bool:
        """Return False if the budget has no room for the request that is leased; else it is reserved for."""
        if not self._reservations.are_needed or self._reservations.holds(job):
            return True
        prompt = self._prompt(job)
        return prompt is None or self._reservations.reserve(job, prompt, member)

    def shelve(self, job: int, shortage: Shortage) -> bool:
        """Set a job aside that there is no room for; False if it has to wait with its worker."""
        if not shortage.is_final or not self._reservations.shelve(job, shortage):
            return False
        self._parts.queue.set_aside(job)
        self._parts.store.apply(Queued(job))
        return True

    def reconsider(self) -> bool:
        """Queue the jobs again that were set aside, if the budget has room for one of them now."""
        return any(map(self._may_go_on, self._reservations.shelved)) and self.take_up()

    def _may_go_on(self, job: int) -> bool:
        """True if there is room for a job, or something else to be done with it."""
        terms, prompt = self._jobs.terms(job), self._prompt(job)
        if terms is None or prompt is None:
            return True
        found = self._reservations.within(job, prompt, terms, self._parts.pool.members)
        return not isinstance(found, Shortage)

    def take_up(self) -> bool:
        """Queue the jobs again that were set aside. Return True if there was one."""
        jobs = self._reservations.take_down()
        for job in reversed(jobs):
            self._parts.queue.requeue(job)
        return bool(jobs)

    def _prompt(self, job: int) -> Prompt | None:
        """Return what the next attempt asks; None if the prompt cannot be read any more."""
        try:
            return self._jobs.repaired(job, self._parts.source.prompt(job))
        except InputError:
            return None
