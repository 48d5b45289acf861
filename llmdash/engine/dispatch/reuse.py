"""Reuse: jobs whose answer is known, and duplicates of a job that is being asked, are not sent."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from llmdash.engine.dispatch.attempt import model_asked
from llmdash.engine.dispatch.queue import JobQueue
from llmdash.engine.dispatch.sameness import request_identity
from llmdash.engine.model.records import ResultRow
from llmdash.engine.pool.pool import KeyPool
from llmdash.lean_dataclass import dataclass
from llmdash.llms.options import merge_options
from llmdash.llms.request_identity import RequestIdentity
from llmdash.prompts.source import InputError, Prompt, PromptSource

__all__ = ["AnswerPlace", "KnownAnswers", "Reuse", "ReuseRules", "Which"]

_PORTION = 256
"""The most duplicates that are written at once: each holds its answer until it is on disk."""


class AnswerPlace(NamedTuple):
    """Where an answer is on record: the number of a run, 0 for the one at work, and a job of it."""

    digest: bytes
    run: int
    job: int


class KnownAnswers(Protocol):
    """Answers on record, by the digest of their request (16 bytes). Called on the engine's loop."""

    async def open(self) -> Sequence[str]:
        """Look at what is on record. Return notices for the user."""

    def find(self, digests: Sequence[bytes]) -> AnswerPlace | None:
        """Return where the answer to one of these requests is; reads no answer."""

    async def read(self, place: AnswerPlace) -> ResultRow | None:
        """Return an answer, None if it cannot be read any more."""

    def add(self, place: AnswerPlace) -> None:
        """Add an answer of the run at work."""

    def forget(self, place: AnswerPlace) -> None:
        """Leave out an answer that will not do."""

    async def close(self) -> None:
        """Close what is open."""


class Which(Enum):
    """Which requests share an answer: none, those with a temperature of 0, or any."""

    NONE = "none"
    EXACT = "exact"
    ANY = "any"

    def covers(self, *, is_sampled: bool) -> bool:
        return self is Which.ANY or (self is Which.EXACT and not is_sampled)


@dataclass(frozen=True, slots=True)
class ReuseRules:
    """Which requests take an answer of a kept run, and which one of this run."""

    known: KnownAnswers
    of_kept: Which = Which.NONE
    of_own: Which = Which.NONE


@dataclass(slots=True)
class _Asked:
    """A request that is being asked, and the jobs that wait for its answer."""

    waiting: array[int] = field(default_factory=lambda: array("I"))
    served: int = 0
    """How many of those are not waiting any more."""

    def next(self) -> int | None:
        if self.served == len(self.waiting):
            return None
        self.served += 1
        return self.waiting[self.served - 1]


class Reuse:
    """Decides for each job whether it has to be asked.

    Of equal requests one is asked at a time. Its answer is given to the others in portions; where it brings
    none, the next of them is asked.
    """

    def __init__(
        self,
        rules: ReuseRules,
        source: PromptSource,
        pool: KeyPool,
        queue: JobQueue,
        options: Mapping[str, Any],
    ) -> None:
        self._rules = rules
        self._known = rules.known
        self._source = source
        self._pool = pool
        self._queue = queue
        self._options = options
        self._settle: Callable[[int, ResultRow], bool] = lambda _job, _row: False
        self._open: dict[bytes, _Asked] = {}
        self._leaders: dict[int, bytes] = {}
        """The job that is asked for each of the open requests."""
        self._is_waiting = bytearray(len(source))
        self._answered: deque[tuple[ResultRow, _Asked]] = deque()
        self._taking: set[int] = set()
        """Jobs with an answer on record that is to be written."""
        self._written = asyncio.Event()
        self._sent_anyway: set[int] = set()
        self.waiting = 0
        """The number of jobs that wait for the answer of another."""

    def bind(self, settle: Callable[[int, ResultRow], bool]) -> None:
        """Settle jobs with `settle`, which returns False for an answer that will not do."""
        self._settle = settle

    async def open(self) -> Sequence[str]:
        """Look at what is on record. Return notices for the user."""
        return await self._known.open()

    async def close(self) -> None:
        """Close what is open."""
        await self._known.close()

    def find(self, job: int) -> AnswerPlace | None:
        """Return where the answer to a job is that a worker has; None if it has to be asked, or now
        `is_waiting`.
        """
        if job in self._leaders or job in self._sent_anyway or self._is_waiting[job]:
            return None
        try:
            identities = self._identities(self._source.prompt(job))
        except InputError:
            return None  # the attempt will say so
        if not identities:
            return None
        is_sampled = any(each.is_sampled for each in identities)
        place = self._known.find([each.digest for each in identities])
        if place is not None and self._which(place).covers(is_sampled=is_sampled):
            return place
        if self._rules.of_own.covers(is_sampled=is_sampled):
            self._join(job, identities[0].digest)
        return None

    def _which(self, place: AnswerPlace) -> Which:
        return self._rules.of_kept if place.run else self._rules.of_own

    def _join(self, job: int, digest: bytes) -> None:
        """Let a job be the one that is asked, or wait for that one."""
        asked = self._open.get(digest)
        if asked is None:
            self._open[digest] = _Asked()
            self._leaders[job] = digest
            return
        asked.waiting.append(job)
        self._is_waiting[job] = True
        self.waiting += 1

    def _identities(self, prompt: Prompt) -> list[RequestIdentity]:
        """The request of a prompt at each endpoint that may serve it."""
        options = merge_options(self._options, prompt.options)
        found = (request_identity(llm, prompt, options) for llm in self._pool.models_for(model_asked(prompt)))
        return [each for each in found if each is not None]

    def is_waiting(self, job: int) -> bool:
        """True while a job waits for the answer of another."""
        return bool(self._is_waiting[job])

    def leave(self, job: int) -> bool:
        """Let a job wait no longer. False if it did not."""
        if not self._is_waiting[job]:
            return False
        self._is_waiting[job] = False
        self.waiting -= 1
        return True

    async def take(self, job: int, place: AnswerPlace) -> bool:
        """Settle a job with an answer on record, once there is room for one more that is to be written.
        False if that answer will not do: nothing takes it any more.
        """
        while len(self._taking) >= _PORTION:
            self._written.clear()
            await self._written.wait()
        found = await self._known.read(place)
        if found is not None and self._settle_with(job, found):
            return True
        self._known.forget(place)
        return False

    def _settle_with(self, job: int, found: ResultRow) -> bool:
        self._taking.add(job)
        if self._settle(job, found):
            return True
        self._taking.discard(job)
        return False

    def send(self, job: int) -> None:
        """Send this job, whatever is known."""
        self._sent_anyway.add(job)

    def ended(self, result: ResultRow) -> None:
        """Note that a job has ended, and its result is on disk."""
        job = result.job
        self._sent_anyway.discard(job)
        digest = self._leaders.pop(job, None)
        if digest is not None:
            asked = self._open.pop(digest)
            if result.state == "done":
                self._known.add(AnswerPlace(digest, 0, job))
                self._answered.append((result, asked))
            else:
                self._ask_next(digest, asked)
        self._taking.discard(job)
        self._written.set()
        self._give()

    def _ask_next(self, digest: bytes, asked: _Asked) -> None:
        while (job := asked.next()) is not None:
            if self.leave(job):
                self._open[digest] = asked
                self._leaders[job] = digest
                self._queue.requeue(job)
                return

    def _give(self) -> None:
        """Give answers to those that wait for them, a portion at a time."""
        while self._answered and len(self._taking) < _PORTION:
            result, asked = self._answered[0]
            job = asked.next()
            if job is None:
                self._answered.popleft()
            elif self.leave(job) and not self._settle_with(job, result):
                self._queue.requeue(job)
