"""Link: the run's end of the line to one desk, with the attempts that it has there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from llmdash import __version__
from llmdash.cluster.line import DeskLine, LineClosed
from llmdash.cluster.messages import (
    Ask,
    FromDesk,
    Joining,
    ToDesk,
    UnsendableError,
    decode_from_desk,
    encode,
    packed,
)
from llmdash.cluster.remote_attempt import RemoteAttempt
from llmdash.cluster.worker_record import WorkerRecord
from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt
from llmdash.sanitize import clean_line

__all__ = ["QUIET_S", "SILENCE_S", "Link", "OtherVersion"]

SILENCE_S = 6.0
"""Without a word for so long, a worker is lost: longer than the lease after which it cuts its requests."""
QUIET_S = 2.0
"""Without a word for so long, a worker gets nothing new."""
_BEAT_S = 1.0
_GATHER_S = 0.005
"""How long the first attempt of a message waits for others."""
_APART_S = 0.01
_LOOK_S = 0.25
_LONGEST_HOST = 60


class OtherVersion(Exception):
    """The worker has another version of llmdash, with which it cannot be talked."""


class Link:
    """One worker, for as long as its line holds. Everything is called on the run's event loop."""

    def __init__(
        self,
        worker: WorkerRecord,
        line: DeskLine,
        changed: Callable[[], None],
        clock: Callable[[], float] = wakeful_clock,
    ) -> None:
        self.worker = worker
        self._line = line
        self._changed = changed
        self._clock = clock
        self._tickets: dict[int, RemoteAttempt] = {}
        self._next = 0
        self._out = ToDesk(0.0, 0.0, 0.0)
        self._has_news = asyncio.Event()
        self._heard_at = self._looked_at = clock()
        self._echo = 0.0
        self.leaves = False
        """True once the worker said that it is about to end."""
        self._watched: frozenset[int] = frozenset()
        self._watches_anew = False
        self._wrote_at = 0.0
        self._is_closed = self._fell_silent = False

    @property
    def in_flight(self) -> int:
        """The attempts that are there, or on their way."""
        return len(self._tickets)

    @property
    def gathers(self) -> bool:
        """True while attempts wait to be sent together."""
        return bool(self._out.asks)

    @property
    def silent_s(self) -> float:
        """Seconds since the desk was last heard of."""
        return self._clock() - self._heard_at

    @property
    def takes_work(self) -> bool:
        """True if the desk has introduced itself, was heard of lately, and neither leaves nor is drained."""
        is_willing = bool(self._echo) and not (self.leaves or self.worker.is_drained)
        return is_willing and self.silent_s < QUIET_S

    def join(self, joining: Iterable[Joining]) -> None:
        """Tell the desk of keys; it answers whether it has them."""
        self._out.joining.extend(joining)
        self._has_news.set()

    def ask(
        self,
        job: int,
        member: int,
        prompt: Prompt,
        options: Mapping[str, Any],
        ticket: RemoteAttempt,
    ) -> int:
        """Hand an attempt of `job` to the desk. Return its number, for `cancel`."""
        self._next += 1
        number = self._next
        if self._is_closed:
            ticket.fail(NotSent("its worker is gone"))
            return number
        self._tickets[number] = ticket
        ask = Ask(number, member, packed(prompt), dict(options), job in self._watched)
        self._out.asks.append(ask)
        self._has_news.set()
        return number

    def cancel(self, number: int) -> bool:
        """Have a request aborted; nobody waits for it any more. Return True if it may have been sent."""
        if self._tickets.pop(number, None) is None:
            return True
        before = len(self._out.asks)
        self._out.asks = [ask for ask in self._out.asks if ask.ticket != number]
        if len(self._out.asks) < before:
            return False
        self._out.cancels.append(number)
        self._has_news.set()
        return True

    def watch(self, jobs: frozenset[int]) -> None:
        """Have the chunks of these jobs reported as they arrive."""
        if jobs == self._watched:
            return
        before, self._watched = self._tickets_of(self._watched), jobs
        if before != self._tickets_of(jobs):
            self._watches_anew = True
            self._has_news.set()

    def _tickets_of(self, jobs: Collection[int]) -> list[int]:
        if not jobs:
            return []
        return [number for number, ticket in self._tickets.items() if ticket.job in jobs]

    async def work(self) -> None:
        """Talk to the desk until the line closes, or it was silent for too long."""
        others = [asyncio.create_task(self._write()), asyncio.create_task(self._look())]
        try:
            while True:
                self._hear(decode_from_desk(await self._line.read()))
        except LineClosed:
            return
        finally:
            self._line.abort()
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._lose_all()

    def _lose_all(self) -> None:
        """The line is closed: what was handed over may have been sent, the rest was not."""
        self._is_closed = True
        unsent = {ask.ticket for ask in self._out.asks}
        tickets, self._tickets = self._tickets, {}
        self.worker.is_lost = len(tickets) > len(unsent)
        for number, ticket in tickets.items():
            ticket.fail(NotSent() if number in unsent else Lost(silent=self._fell_silent))

    async def _write(self) -> None:
        try:
            while True:
                await self._wait_for_news()
                await self._line.write(self._encoded(self._gathered()))
        except LineClosed:
            return
        finally:
            self._line.abort()  # a desk that hears nothing is of no use

    async def _wait_for_news(self) -> None:
        """Wait until there is something to say, but for no more than a hundred messages a second."""
        try:
            async with asyncio.timeout(_BEAT_S):
                await self._has_news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(max(_GATHER_S, self._wrote_at + _APART_S - self._clock()))

    def _gathered(self) -> ToDesk:
        self._has_news.clear()
        message, self._out = self._out, ToDesk(0.0, 0.0, 0.0)
        if self._watches_anew:  # those that were asked since it changed, too
            message.watch, self._watches_anew = self._tickets_of(self._watched), False
        self._wrote_at = now = self._clock()
        message.stamp, message.echo, message.held_s = now, self._echo, now - self._heard_at
        return message

    def _encoded(self, message: ToDesk) -> bytes:
        try:
            return encode(message)
        except UnsendableError:
            message.asks = [ask for ask in message.asks if self._is_sendable(ask)]
            return encode(message)

    def _is_sendable(self, ask: Ask) -> bool:
        """False for an attempt that fits no message, which ends here."""
        try:
            encode(ToDesk(0.0, 0.0, 0.0, asks=[ask]))
        except UnsendableError as error:
            if ticket := self._tickets.pop(ask.ticket, None):
                failure = Failure(FailureKind.REQUEST, str(error), names_request=True)
                ticket.end(Answer("", None, Usage(0, 0, estimated=True), None, 0.0, failure))
            return False
        return True

    async def _look(self) -> None:
        """Close the line once the desk was silent for too long."""
        was_working = self.takes_work
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._clock()
            if now - self._looked_at > QUIET_S:
                self._heard_at = max(self._heard_at, now - QUIET_S)  # this process stood still itself
            self._looked_at = now
            if self.takes_work != was_working:
                was_working = self.takes_work
                self._changed()
            if self.silent_s > SILENCE_S:
                self._fell_silent = True
                self._line.abort()
                return

    def _hear(self, message: FromDesk) -> None:
        now = self._clock()
        self._heard_at, self._echo = now, message.stamp
        self.worker.heard_at = now
        if message.echo:
            self.worker.round_trip_s = max(0.0, now - message.echo - message.held_s)
        if message.version:
            if message.version != __version__:
                raise OtherVersion(message.version)
            self.worker.host = clean_line(message.host)[:_LONGEST_HOST]
        self.worker.has.update(message.has)
        self.worker.lacks.update(message.lacks)
        for number, ago_s in message.left:
            if number in self._tickets:
                self._tickets[number].left(ago_s)
        for number, text, after_s in message.began:
            self._tell(number, [text], [after_s])
        for number, texts, times in message.chunks:
            self._tell(number, texts, times)
        for number, why in message.refused:
            if ticket := self._tickets.pop(number, None):
                ticket.fail(NotSent(why))
        for number, answer, texts, times in message.ended:
            self._tell(number, texts, times)
            if ticket := self._tickets.pop(number, None):
                if answer is None:
                    ticket.fail(Lost(silent=True))  # the desk cut it off: it heard nothing for too long
                else:
                    self.worker.answered(answer)
                    ticket.end(answer)
        if message.has or message.lacks or message.leaves != self.leaves:
            self.leaves = message.leaves
            self._changed()

    def _tell(self, number: int, texts: list[str], times: list[float]) -> None:
        ticket = self._tickets.get(number)
        if ticket is not None and texts:
            ticket.tell(texts, times)
