"""Reservations: nothing is sent that the budget may not have room for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.dispatch.quotes import Quotes
from llmdash.engine.dispatch.rows import reported
from llmdash.engine.dispatch.uncertain import Uncertain
from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool.budget import BudgetStatistics, SpendingBudget
from llmdash.engine.pool.member import Member
from llmdash.engine.pool.terms import Terms
from llmdash.llms.messages import Usage
from llmdash.prompts.source import Prompt

__all__ = ["NO_PRICE", "Reservations", "Shortage"]

NO_PRICE = 'no price is known for its model; with a budget add one to llmdash.toml: [prices."MODEL"]'
_MOST_SHELVED = 100
"""Jobs in a row without room, after which no other one is tried: the budget is as good as spent."""
_WAIT_S = 5.0


class Shortage(NamedTuple):
    """Why a job is not sent: the dollars that it may cost with the cheapest key it may use.

    `is_final` says that no request in flight can make room for it.
    """

    needed: float
    is_final: bool


class Reservations:
    """The budget as the runner uses it.

    A job without room waits for those in flight, whose cost is mostly less than what is reserved. Where that
    cannot help it goes on the *shelf*, so that cheaper ones, or those that a cheaper endpoint serves, are not
    blocked by it; after 100 of them the run is held. A larger budget puts them back.
    """

    def __init__(self, quotes: Quotes, uncertain: Uncertain | None = None) -> None:
        self.quotes = quotes
        self.are_needed = False
        """False without a budget: then nothing here has an effect. Read many times a job."""
        self.uncertain = Uncertain() if uncertain is None else uncertain
        self._budget = SpendingBudget()
        self._before: BudgetStatistics | None = None
        """How it stood before the change under way."""
        self._changed = asyncio.Event()
        self._shelf: dict[int, float] = {}
        self._waits = False

    @property
    def shelved(self) -> Sequence[int]:
        """The jobs that there is no room for."""
        return tuple(self._shelf)

    def statistics(self) -> BudgetStatistics:
        """Return how the budget stands, to any thread: a new one once all that counts is counted."""
        before = self._before
        return self._budget.statistics() if before is None else before

    def needed(self) -> float | None:
        """Return the least dollars that a job without room may cost; None if there is no such job."""
        return min(tuple(self._shelf.values()), default=None)  # other threads may change it

    @property
    def in_flight(self) -> int:
        """The number of requests that are reserved for."""
        return self._budget.in_flight

    def is_spent(self, open_jobs: int) -> bool:
        """True if the budget has no room for any of `open_jobs` but for those in flight."""
        return bool(self._shelf) and (self._waits or len(self._shelf) >= open_jobs - self._budget.in_flight)

    def set_budget(self, dollars: float | None, spent: Callable[[], tuple[float, float]]) -> None:
        """Set the limit in dollars, None for none; with the first one count what `spent` returns: what was
        paid for, and what may have been. Raises ValueError.
        """
        was_set = self.are_needed
        self._before = self._budget.statistics()
        try:
            self._budget.set_limit(dollars)
            self.are_needed = self._budget.is_set
            if dollars is not None and not was_set:
                self._budget.begin_with(*spent())
        finally:
            self._before = None
        self._changed.set()

    def cover(self, job: int, prompt: Prompt, member: Member) -> None:
        """Reserve for a request that is in flight already, whether or not there is room for it."""
        self._budget.reserve(job, self._most(job, prompt, member))

    def take_down(self) -> Sequence[int]:
        """Empty the shelf. Returns its jobs, to be queued again."""
        jobs = self.shelved
        self._shelf.clear()
        self._changed.set()  # the job that waits beside the shelf has to make way for them
        return jobs

    def take_off(self, job: int) -> bool:
        """Take a job off the shelf; False if it is not there."""
        return self._shelf.pop(job, None) is not None

    def shelve(self, job: int, shortage: Shortage) -> bool:
        """Put a job on the shelf; False if it is full, so that the job has to wait with its worker."""
        if len(self._shelf) >= _MOST_SHELVED:
            return False
        self._shelf[job] = shortage.needed
        return True

    async def room(self, most_s: float = _WAIT_S) -> None:
        """Wait until a request was settled, or the budget changed; at most `most_s` seconds."""
        self._changed.clear()
        try:
            async with asyncio.timeout(most_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def larger(self) -> None:
        """Wait until the budget is changed: nothing else can help."""
        self._waits = True
        try:
            self._changed.clear()
            await self._changed.wait()
        finally:
            self._waits = False

    def within(
        self, job: int, prompt: Prompt, terms: Terms, members: Iterable[Member]
    ) -> Terms | Shortage | None:
        """Return the terms without the keys that there is no room for; a Shortage if that leaves none, None
        if there is no price. A key that the user would have to revive is no reason to wait. What is reserved
        for the job already is its room.
        """
        if self._budget.holds(job):
            return terms
        allowed = [member for member in members if member not in terms.excluded and not _is_gone(member)]
        if not allowed:
            return terms
        costs = self.quotes.quote(job, prompt, allowed)
        if not costs:
            return None
        without = frozenset(
            member for member in allowed if not self._budget.fits(costs.get(member, math.inf))
        )
        if len(without) < len(allowed):
            return terms._replace(excluded=terms.excluded | without) if without else terms
        least = min(costs.values())
        return Shortage(least, not self._budget.would_fit(least) or not self._budget.in_flight)

    def reserve(self, job: int, prompt: Prompt, member: Member) -> bool:
        """Reserve for a request that is leased with the key of `member`; False if there is no room for it."""
        cost = self.quotes.quote(job, prompt, (member,)).get(member)
        if cost is None or not self._budget.fits(cost):
            return False
        self._budget.reserve(job, cost)
        return True

    def holds(self, job: int) -> bool:
        """True if the request of a job is reserved for."""
        return self._budget.holds(job)

    def answered(self, job: int, member: Member, model: str, usage: Usage) -> None:
        """Count what an answer has cost."""
        if self.are_needed:
            self.quotes.answered(job, usage)
            self._budget.settle(job, self.quotes.cost(member.label, model, usage))
            self._changed.set()

    def failed(self, job: int, prompt: Prompt, member: Member, model: str, answer: Answer) -> None:
        """Count what a failure has cost: what the server counted, else all that it may have cost if it may be
        billed, else nothing.
        """
        usage = reported(answer)
        if usage is not None:
            self._budget.settle(job, self.quotes.cost(member.label, model, usage))
        elif not answer.may_be_billed:
            self._budget.release(job)
        elif self._budget.holds(job):
            self.uncertain.add(self._budget.keep(job))
        else:
            self.uncertain.add(self._most(job, prompt, member))
        self.quotes.forget(job)
        self._changed.set()

    def left(self, job: int, member: Member, *, sent: bool) -> None:
        """Count a request without an outcome: what was reserved, if it was `sent`."""
        if sent:
            self.uncertain.lose(job, member.label)
            self._budget.keep(job)
        else:
            self._budget.release(job)
        self.quotes.forget(job)
        self._changed.set()

    def give_back(self, job: int) -> None:
        """Free what was reserved for a request that was not made, if anything was."""
        if self.are_needed:
            self._budget.release(job)
            self.quotes.forget(job)
            self._changed.set()

    def settled_in_batch(self, job: int, dollars: float) -> None:
        """Count what a request in a batch has cost."""
        if self.are_needed:
            self._budget.settle(job, dollars)
            self.quotes.forget(job)
            self._changed.set()

    def _most(self, job: int, prompt: Prompt, member: Member) -> float:
        return self.quotes.quote(job, prompt, (member,)).get(member, 0.0)


def _is_gone(member: Member) -> bool:
    return member.health.is_gone or member.endpoint.circuit_breaker.state is EndpointState.PAUSED
