"""Desk: makes the attempts that one run hands to this worker, and reports them in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from llmdash.cluster.desk_attempt import DeskAttempt
from llmdash.cluster.keyring import Keyring, MissingKey
from llmdash.cluster.line import DeskLine, LineClosed
from llmdash.cluster.messages import (
    Ask,
    Departed,
    Ended,
    FromDesk,
    Joining,
    Refused,
    ToDesk,
    decode_to_desk,
    encode,
    prompt_of,
)
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.llms.base import LLM
from llmdash.llms.recipe import Clients
from llmdash.llms.transport.sending import SENDING
from llmdash.llms.wire.failures import Failure

__all__ = ["LEASE_S", "OLDEST_PERMIT_S", "Desk"]

LEASE_S = 5.0
"""How long requests go on without a word from the run."""
OLDEST_PERMIT_S = 1.5
"""The age from which on a permit to send is void: the worker, or the line, stood still."""
OLDEST_SILENCE_S = 2.5
"""Without a word from the run for so long, which speaks every second, nothing is sent any more."""
_BEAT_S = 0.5
_SOON_S, _LATER_S = 0.02, 0.05
"""How long a report waits for others: of what is watched or was not sent, and of anything else."""
_TICK_S = 0.005
_CANNOT_BE_MADE = (
    MissingKey,
    Failure,
    msgspec.DecodeError,
    ValueError,
    TypeError,
    LookupError,
    OSError,
    RecursionError,
)
"""What may be wrong with the recipe of a model: it names a key, a class or a file that is not here."""


class Desk:
    """Makes attempts for one run, over one line.

    After LEASE_S without a word from the run it cuts its requests off; when the line closes, at once. `clock`
    is that of leases and permits, `monotonic` that of chunks; `clients` makes the models.
    """

    def __init__(
        self,
        line: DeskLine,
        keyring: Keyring,
        version: str,
        host: str,
        clock: Callable[[], float] = wakeful_clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clients: Clients | None = None,
    ) -> None:
        self._line = line
        self._keyring = keyring
        self._version, self._host = version, host
        self._clock = clock
        self._monotonic = monotonic
        self._clients = clients or Clients()
        self._llms: dict[int, LLM] = {}
        self._attempts: dict[int, DeskAttempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._report = FromDesk(0.0, 0.0, 0.0)
        self._has_news = False
        self._with_chunks: dict[int, DeskAttempt] = {}
        self._leaving: list[DeskAttempt] = []
        self._just_left: list[DeskAttempt] = []
        self._departed: list[DeskAttempt] = []
        self._tick: asyncio.TimerHandle | None = None
        self._due_at: float | None = None
        self._due = asyncio.Event()
        self._heard_at = self._read_at = clock()
        self._echo = 0.0
        self._leaves = False
        self._is_writing = False
        self._is_closed = False

    async def serve(self) -> None:
        """Serve until the line is closed; then no request is in flight."""
        others = [asyncio.create_task(self._send_reports()), asyncio.create_task(self._watch_lease())]
        try:
            while True:
                self._obey(decode_to_desk(await self._line.read()))
        except LineClosed:
            return
        finally:
            self._is_closed = True
            self._line.abort()
            if self._tick is not None:
                self._tick.cancel()
            for task in (*others, *self._tasks):
                task.cancel()
            await asyncio.gather(*others, *self._tasks, return_exceptions=True)
            await self._clients.aclose()

    async def leave(self) -> None:
        """Take nothing new, and wait until no request is in flight and all is reported."""
        self._leaves = True
        self._tell(_SOON_S)
        while self._is_busy:  # noqa: ASYNC110 - once in the life of a worker
            await asyncio.sleep(_SOON_S)

    @property
    def _is_busy(self) -> bool:
        return not self._is_closed and bool(self._attempts or self._has_news or self._is_writing)

    def _obey(self, message: ToDesk) -> None:
        now = self._clock()
        self._read_at, self._echo = now, message.stamp
        issued_at = min(now, message.echo + message.held_s) if message.echo else now
        if now - self._heard_at > OLDEST_SILENCE_S:
            self._cut_off(lambda attempt: not attempt.left_at)  # their permits are older than this word
        self._heard_at = issued_at  # it may have waited here, while the worker stood still
        for joining in message.joining:
            self._join(joining)
        for ask in message.asks:
            self._begin(ask, issued_at)
        for ticket in message.cancels:
            if ticket in self._attempts:
                self._attempts.pop(ticket).cancel()
        if message.watch is not None:
            self._watch(set(message.watch))

    def _join(self, joining: Joining) -> None:
        try:
            self._llms[joining.number] = self._clients.build(self._keyring.unpack(joining.recipe))
        except _CANNOT_BE_MADE:
            self._report.lacks.append(joining.number)
        else:
            self._report.has.append(joining.number)
        self._tell(_SOON_S)

    def _begin(self, ask: Ask, issued_at: float) -> None:
        attempt = DeskAttempt(ask.ticket, issued_at, self._monotonic, watched=ask.watched)
        if ask.member not in self._llms:
            self._refuse(attempt, "the worker does not have the key")
        elif self._is_stale(attempt):
            self._refuse(attempt, "the permit to send it is too old")
        elif self._leaves:
            self._refuse(attempt, "the worker is about to end")
        else:
            self._attempts[ask.ticket] = attempt
            attempt.task = task = asyncio.create_task(self._make(attempt, ask))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._ended(attempt, done))

    def _is_stale(self, attempt: DeskAttempt) -> bool:
        return self._clock() - attempt.issued_at > OLDEST_PERMIT_S

    def _refuse(self, attempt: DeskAttempt, why: str) -> None:
        self._attempts.pop(attempt.ticket, None)
        self._report.refused.append(Refused(attempt.ticket, why))
        self._tell(_SOON_S)

    async def _make(self, attempt: DeskAttempt, ask: Ask) -> None:
        if self._is_stale(attempt):
            self._refuse(attempt, "the permit to send it is too old")
            return
        llm, prompt = self._llms[ask.member], prompt_of(ask.prompt)
        if llm.says_when_sent:
            SENDING.set(lambda: self._about_to_send(attempt))
        else:
            self._about_to_send(attempt)
        attempt.answer = await attempt.ask(llm, prompt, ask.options, self._on_chunk)

    def _about_to_send(self, attempt: DeskAttempt) -> None:
        """Note that a request of the attempt is written next. Raises CancelledError if it is too late for it:
        the worker stood still, and the run may have given it up meanwhile.
        """
        if self._clock() - self._heard_at > OLDEST_SILENCE_S:
            attempt.cancel()
            raise asyncio.CancelledError
        if not attempt.left_at:
            attempt.left_at = self._monotonic()
            self._leaving.append(attempt)
            if self._tick is None:
                self._tick = asyncio.get_running_loop().call_later(_TICK_S, self._settle)

    def _ended(self, attempt: DeskAttempt, task: asyncio.Task[None]) -> None:
        """Report the end of an attempt, unless the run has given it up."""
        self._tasks.discard(task)
        self._with_chunks.pop(attempt.ticket, None)
        if self._attempts.pop(attempt.ticket, None) is None:
            return
        if not attempt.left_at and attempt.answer is None:
            self._refuse(attempt, "it was cut off before it was sent")
            return
        attempt.left_at = attempt.left_at or self._monotonic()  # it failed before it was sent, and counts
        self._has_left(attempt)
        self._report.ended.append(Ended(attempt.ticket, attempt.answer, *attempt.unreported()))
        self._tell(_SOON_S if attempt.watched else _LATER_S)

    def _on_chunk(self, attempt: DeskAttempt) -> None:
        self._has_left(attempt)
        if attempt.watched or not attempt.reported:
            self._with_chunks[attempt.ticket] = attempt
            self._tell(_SOON_S if attempt.watched else _LATER_S)

    def _watch(self, tickets: set[int]) -> None:
        for attempt in self._attempts.values():
            attempt.watched = attempt.ticket in tickets
            if attempt.watched and attempt.reported < len(attempt.texts):
                self._on_chunk(attempt)

    def _tell(self, within_s: float) -> None:
        """Let what is new be reported within `within_s` seconds."""
        self._has_news = True
        self._wake(within_s)

    def _wake(self, within_s: float) -> None:
        due_at = self._clock() + within_s
        if self._due_at is None or due_at < self._due_at:
            self._due_at = due_at
            self._due.set()

    async def _send_reports(self) -> None:
        introduction = FromDesk(0.0, 0.0, 0.0, version=self._version, host=self._host)
        try:
            await self._line.write(encode(self._stamped(introduction)))
            beat_at = self._clock() + _BEAT_S
            while True:
                await self._wait_until_due(beat_at)
                if self._has_news or self._clock() >= beat_at:
                    self._is_writing = True
                    await self._line.write(encode(self._stamped(self._gathered())))
                    self._is_writing = False
                    beat_at = self._clock() + _BEAT_S
        except LineClosed:
            return
        finally:
            self._line.abort()  # a desk that reports nothing is none

    async def _wait_until_due(self, beat_at: float) -> None:
        while (wait_s := min(self._due_at or beat_at, beat_at) - self._clock()) > 0:
            self._due.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._due.wait()
        self._due_at = None

    def _settle(self) -> None:
        """Note, at a tick, that what left before the last one is on the network by now."""
        for attempt in self._just_left:
            self._has_left(attempt)
        self._just_left, self._leaving = self._leaving, []
        again = asyncio.get_running_loop().call_later
        self._tick = again(_TICK_S, self._settle) if self._just_left else None

    def _has_left(self, attempt: DeskAttempt) -> None:
        """Note that the request of an attempt is on the network, or that something came back."""
        if attempt.was_sent_at is None:
            attempt.settle()
            self._departed.append(attempt)
            self._tell(_LATER_S)

    def _gathered(self) -> FromDesk:
        """Return what is to be reported now: chunks of what is watched, and of others that they began."""
        report, self._report, self._has_news = self._report, FromDesk(0.0, 0.0, 0.0), False
        now = self._monotonic()
        departed, self._departed = self._departed, []
        report.left = [Departed(each.ticket, now - (each.was_sent_at or now)) for each in departed]
        with_chunks, self._with_chunks = self._with_chunks, {}
        for attempt in with_chunks.values():
            if attempt.watched:
                report.chunks.append(attempt.chunks())
            elif not attempt.reported:
                report.began.append(attempt.began())
        return report

    def _stamped(self, message: FromDesk) -> FromDesk:
        now = self._clock()
        message.stamp, message.echo, message.held_s = now, self._echo, now - self._read_at
        message.leaves = self._leaves
        return message

    async def _watch_lease(self) -> None:
        """Cut all requests off once the run was silent for too long."""
        while True:
            await asyncio.sleep(_BEAT_S)
            if self._clock() - self._heard_at > LEASE_S:
                self._cut_off(lambda _: True)

    def _cut_off(self, which: Callable[[DeskAttempt], bool]) -> None:
        for attempt in filter(which, list(self._attempts.values())):
            attempt.cancel()
