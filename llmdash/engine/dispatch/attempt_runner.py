"""AttemptRunner: makes one attempt of a job, from its announcement to the record of its outcome."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer, Attempt
from llmdash.engine.dispatch.budget_gate import BudgetGate
from llmdash.engine.dispatch.open_jobs import OpenJobs
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.send_window import WINDOW_S, JointDeparture, SendWindow
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.dispatch.slots import WorkerSlots
from llmdash.engine.model.events import AttemptEnded, Event, Sent
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.shared import Ticket
from llmdash.llms.options import merge_options
from llmdash.prompts.source import InputError, Prompt

__all__ = ["AttemptRunner"]

_LOOK_S = 0.05
"""The longest pause of a request that may not leave yet: meanwhile the run may be stopped."""


class AttemptRunner:
    """Commits *sent*, waits for the departure, asks, and has the outcome settled. Knows what is in flight."""

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
        self._in_flight: set[int] = set()
        self._quiet = asyncio.Event()
        self._windows: dict[Member, SendWindow] = {}

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return len(self._in_flight)

    async def quiet(self) -> None:
        """Wait until nothing is in flight."""
        while self._in_flight:
            self._quiet.clear()
            await self._quiet.wait()

    async def run(self, job: int, lease: Lease) -> None:
        """Make one attempt of `job`. What could not be sent is queued again."""
        attempt, departure = await self._announce(job, lease)
        may_leave = self._parts.pool.may_leave(lease) and self._budget_gate.covers(job, lease.member)
        if not self._slots.sending.is_set() or not may_leave:
            self._not_sent(attempt, departure)  # meanwhile one knows better
            self._settlement.returned(job)
            return
        try:
            prompt = self._jobs.repaired(job, self._parts.source.prompt(job))
        except InputError as error:
            self._not_sent(attempt, departure)
            self._settlement.refused(job, str(error))
            return
        answer = await self._ask(attempt, departure, prompt)
        if answer is None:
            return
        if answer.failure is None:
            self._settlement.answered(attempt, prompt, answer)
        else:
            self._settlement.failed(attempt, prompt, answer, answer.failure)

    async def _announce(self, job: int, lease: Lease) -> tuple[Attempt, Ticket]:
        """Commit that the attempt is about to be sent, and wait for its departure."""
        parts = self._parts
        number = parts.store.columns.tries[job] + 1
        worker = parts.asker.place(lease.member)
        label = lease.member.label
        record = AttemptRecord(job, number, label, "sent", parts.wall_clock(), worker=worker)
        attempt = Attempt(lease, record)
        try:
            await parts.journal.sent(record)
            return attempt, await self._depart(lease.member)
        except asyncio.CancelledError:
            self._settlement.cut(attempt, sent=False)
            raise

    async def _depart(self, member: Member) -> Ticket:
        """Wait for the departure of a request: by the rate, by the limit of its key, and by the limit that it
        shares.
        """
        shared = member.endpoint.shared
        while True:
            departure = await self._parts.limiter.depart()
            if not self._slots.sending.is_set():
                return departure
            own, pause_s = self._of_key(member)
            if pause_s > 0:
                departure.withdraw()
                await asyncio.sleep(min(_LOOK_S, pause_s))
                continue
            if shared is None:
                return departure if own is None else JointDeparture(departure, own.departure())
            ticket = shared.depart()
            if ticket is not None:
                return JointDeparture(departure, ticket, *([] if own is None else [own.departure()]))
            departure.withdraw()
            await shared.turn()

    def _of_key(self, member: Member) -> tuple[SendWindow | None, float]:
        """Return the window of a key with a limit of requests, and the seconds until one may leave.

        Requests are charged before they are on record. Those that were held up on the way, by a disk that
        took its time or a process that stood still, do not leave together with those charged since.
        """
        bucket = member.limits.requests
        if bucket is None:
            return None, 0.0
        window = self._windows.get(member)
        if window is None:
            window = self._windows[member] = SendWindow(math.inf)
        now = asyncio.get_running_loop().time()
        return window, window.delay_within(bucket.most_in_a_second, WINDOW_S, now)

    def _not_sent(self, attempt: Attempt, departure: Ticket) -> None:
        departure.withdraw()
        self._settlement.cut(attempt, sent=False)

    async def _ask(self, attempt: Attempt, departure: Ticket, prompt: Prompt) -> Answer | None:
        """Return the answer; None if there is none and the job is settled or requeued."""
        parts, job = self._parts, attempt.job
        options = merge_options(parts.options, prompt.options)

        def left(ago_s: float | None) -> None:
            departure.left(ago_s)
            record, at = attempt.record, parts.clock() - (ago_s or 0.0)
            parts.store.apply(Sent(job, record.key, record.attempt, at, record.worker))
            parts.queue.mark_sent(job)
            self._in_flight.add(job)

        again = False
        try:
            return await parts.asker.ask(
                attempt, prompt, options, left=left, tell=self._listener(attempt.lease)
            )
        except asyncio.CancelledError:
            if job in self._in_flight:
                self._settlement.cut(attempt, sent=True)
            else:
                self._not_sent(attempt, departure)
            raise
        except NotSent:
            self._not_sent(attempt, departure)
            again = True
        except Lost as lost:
            again = self._settlement.lost(attempt, prompt, is_suspect=not lost.silent)
        finally:
            if job in self._in_flight:
                self._in_flight.discard(job)
                self._quiet.set()
                parts.store.apply(AttemptEnded(job, parts.clock()))
        if again:
            self._settlement.returned(job)
        return None

    def _listener(self, lease: Lease) -> Callable[[Event], None]:
        """Return the listener for the chunks of an answer: the store, and for a probe also the pool."""
        pool, store = self._parts.pool, self._parts.store
        if not pool.is_probe(lease):
            return store.apply

        def tell(event: Event) -> None:
            pool.began(lease)
            store.apply(event)

        return tell
