"""JobQueue: the order of jobs: requeued ones, retries that are due, pending jobs in their order."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Sequence

from llmdash.engine.dispatch.retry_budget import RetryBudget

__all__ = ["JobQueue"]


class JobQueue:
    """Gives each open job to one worker at a time, until every job has ended.

    A job is open from the start until `end`: pending, ready, in backoff, a due retry, with a worker, or lent.
    Retries are given out as far as the `budget` allows; fresh jobs go before a retry that it delays.
    """

    def __init__(self, pending: Sequence[int], budget: RetryBudget | None = None) -> None:
        self._pending = pending
        self._budget = budget
        self._next = 0
        self._fresh_first = False
        self._gate: int | None = None
        """The position in `pending` from which on jobs are held back."""
        self._granted: set[int] = set()
        """Jobs with a worker for which the budget has granted a retry."""
        self._ready: OrderedDict[int, None] = OrderedDict()
        self._retries: OrderedDict[int, None] = OrderedDict()
        self._limited: set[int] = set()
        """Jobs in backoff whose next attempt the budget counts as a retry."""
        self._backoff: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}
        """When each job in backoff is due; entries of `_backoff` that differ are stale."""
        self._dropped: set[int] = set()
        self._urgent: set[int] = set()
        """Jobs for which a key is kept free: once due they go first."""
        self.suspects: set[int] = set()
        """Jobs whose failures say nothing about an endpoint: others probe it, as far as there are any."""
        self._open = len(pending)
        self.lent = 0
        """The number of open jobs that are lent: nobody else's until they are taken back."""
        self.withholds = False
        """True while lent jobs that are taken back are *withheld*: no worker's until they are released."""
        self._withheld: dict[int, None] = {}
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """The number of jobs that have not ended."""
        return self._open

    @property
    def at_home(self) -> int:
        """The number of open jobs that are not lent."""
        return self._open - self.lent

    @property
    def waiting(self) -> int:
        """The number of jobs that could be popped now."""
        return self.unsent + len(self._ready) + len(self._retries)

    @property
    def unsent(self) -> int:
        """The number of jobs that were never popped."""
        return len(self._pending) - self._next - len(self._dropped)

    @property
    def held_back(self) -> int:
        """The number of jobs behind the gate, once all before it were popped."""
        return self.unsent if self._gate is not None and self._next >= self._gate else 0

    @property
    def is_held(self) -> bool:
        """True if every open job is behind the gate."""
        return 0 < self.at_home == self.held_back

    @property
    def withheld(self) -> int:
        """The number of open jobs that are withheld; they count as lent."""
        return len(self._withheld)

    @property
    def is_gated(self) -> bool:
        """True while jobs are held back."""
        return self._gate is not None

    def hold_after(self, count: int) -> None:
        """Give out no more than `count` pending jobs until `release`."""
        self._gate = count

    def release(self) -> None:
        """Give out those behind the gate too."""
        self._gate = None
        self._changed.set()

    def due_at(self, job: int) -> float | None:
        """Return when a job in backoff is due, on the event loop's clock; None for any other."""
        return self._due.get(job)

    async def pop(self, *, spread: bool = False) -> tuple[int, bool]:
        """Return the next job, and whether it is fresh (never popped before). Waits while there is none.

        With `spread`, jobs popped before alternate with fresh ones, so that failures are spread over many
        jobs, and `suspects` go last.
        """
        self._fresh_first = spread and not self._fresh_first
        while True:
            if spread and self.suspects and (job := self._next_pending()) is not None:
                return job, True
            if spread and self.suspects:
                self._postpone_suspects()
            if self._fresh_first and (job := self._next_pending()) is not None:
                return job, True
            if self._ready:
                return self._ready.popitem(last=False)[0], False
            if (job := self._next_retry()) is not None:
                return job, False
            if (job := self._next_pending()) is not None:
                return job, True
            await self._wait_for_change()

    def _postpone_suspects(self) -> None:
        for line in (self._ready, self._retries):
            for job in self.suspects.intersection(line):
                line.move_to_end(job)

    async def _wait_for_change(self) -> None:
        """Wait for a job; while the budget delays retries, no longer than it takes to recover."""
        self._changed.clear()
        look_s = self._budget.look_s if self._retries and self._budget is not None else None
        try:
            async with asyncio.timeout(look_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _next_pending(self) -> int | None:
        last = len(self._pending) if self._gate is None else self._gate
        while self._next < last:
            job = self._pending[self._next]
            self._next += 1
            if job not in self._dropped:
                return job
            self._dropped.discard(job)
        return None

    def _next_retry(self) -> int | None:
        if not self._retries or (self._budget is not None and not self._budget.take()):
            return None
        job = self._retries.popitem(last=False)[0]
        if self._budget is not None:
            self._granted.add(job)
        return job

    def mark_sent(self, job: int) -> None:
        """Record that the worker has sent the request of this job."""
        if self._budget is not None:
            self._budget.sent(is_retry=job in self._granted)
        self._granted.discard(job)

    def requeue(self, job: int) -> None:
        """Put a job that could not be sent now back in front."""
        line = self._retries if self._ungrant(job) else self._ready
        line[job] = None
        line.move_to_end(job, last=False)
        self._changed.set()

    def set_aside(self, job: int) -> None:
        """Keep a popped job out of the lines until it is requeued."""
        self._ungrant(job)

    def yield_to_urgent(self, job: int) -> bool:
        """Put a job back behind one that is to go first. False if none is ready."""
        first = next(iter(self._ready), None)
        if first is None or first not in self._urgent:
            return False
        self.requeue(job)
        self._ready.move_to_end(first, last=False)
        return True

    def _ungrant(self, job: int) -> bool:
        """Return a granted retry to the budget; False if none was granted for this job."""
        if job not in self._granted or self._budget is None:
            return False
        self._granted.discard(job)
        self._budget.give_back()
        return True

    def schedule(self, job: int, delay_s: float, *, limited: bool = False, urgent: bool = False) -> None:
        """Make the job ready again after `delay_s` seconds; if `limited`, within the retry budget.

        With `urgent` it goes first then.
        """
        if urgent:
            self._urgent.add(job)
        else:
            self._urgent.discard(job)
        due = asyncio.get_running_loop().time() + delay_s
        self._due[job] = due
        if limited:
            self._limited.add(job)
        heapq.heappush(self._backoff, (due, job))
        self._arm()

    def hasten(self, job: int, delay_s: float) -> bool:
        """Make a job ready in `delay_s` seconds, if that is sooner. False if it is not in backoff."""
        due = self._due.get(job)
        if due is None:
            return False
        if due > asyncio.get_running_loop().time() + delay_s:
            self.schedule(job, delay_s, limited=job in self._limited)
        return True

    def end(self, job: int) -> None:
        """Mark a job as ended."""
        self._ungrant(job)
        self.suspects.discard(job)
        self._urgent.discard(job)
        self._open -= 1
        self._ended.set()

    def reopen(self, job: int) -> None:
        """Queue an ended job again."""
        self._open += 1
        self._ready[job] = None
        self._changed.set()

    def lend(self, job: int) -> None:
        """Give a job that no worker has to somebody else, who has it ended or taken back."""
        self.drop(job)
        self.lent += 1

    def end_loan(self, job: int) -> None:
        """Note that a lent job is about to be ended."""
        self.lent -= 1

    def take_back(self, job: int) -> None:
        """Queue a job again that was lent, or withhold it."""
        if self.withholds:
            self._withheld[job] = None
        else:
            self.give_out(job)

    def release_withheld(self) -> None:
        """Give what was withheld to the workers, and withhold nothing more."""
        self.withholds = False
        withheld, self._withheld = self._withheld, {}
        for job in withheld:
            self.give_out(job)

    def give_out(self, job: int) -> None:
        """Queue a lent job for the workers."""
        self.lent -= 1
        if job in self._dropped:  # its turn among the pending ones is still to come
            self._dropped.discard(job)
        else:
            self._ready[job] = None
        self._changed.set()

    def give_out_first(self, job: int) -> None:
        """Queue a lent job before all others, also those that were never popped."""
        self.lent -= 1
        self._ready[job] = None
        self.put_first(job)

    def put_first(self, job: int) -> None:
        """Have a job that was popped before go first once it is due, whatever the budget of retries."""
        self._urgent.add(job)
        self._limited.discard(job)
        if job in self._retries:
            self._ready[job] = self._retries.pop(job)
        if job in self._ready:
            self._ready.move_to_end(job, last=False)
            self._changed.set()

    def drop(self, job: int) -> None:
        """Remove a job that no worker has; it must still be ended."""
        if job in self._withheld:
            del self._withheld[job]
            self.lent -= 1
            return
        self._limited.discard(job)
        for line in (self._ready, self._retries):
            if job in line:
                del line[job]
                return
        if self._due.pop(job, None) is None:
            self._dropped.add(job)

    async def all_ended(self) -> None:
        """Wait until no job is open."""
        while self._open:
            self._ended.clear()
            await self._ended.wait()

    async def some_open(self) -> None:
        """Wait until a job is open."""
        while not self._open:
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.close()
        if self._backoff:
            self._timer = asyncio.get_running_loop().call_at(self._backoff[0][0], self._wake_due)

    def _wake_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._backoff and self._backoff[0][0] <= now + 0.001:
            due, job = heapq.heappop(self._backoff)
            if self._due.get(job) == due:
                del self._due[job]
                line = self._retries if job in self._limited else self._ready
                self._limited.discard(job)
                line[job] = None
                if job in self._urgent:
                    line.move_to_end(job, last=False)
                self._changed.set()
        self._arm()
