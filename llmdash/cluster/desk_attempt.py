"""DeskAttempt: one attempt at a desk, with what has arrived of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from llmdash.cluster.messages import Began, Chunks
from llmdash.engine.dispatch.asker import gathered_answer
from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.model.events import ChunkReceived, Event
from llmdash.llms.base import LLM
from llmdash.prompts.source import Prompt

__all__ = ["DeskAttempt"]

_PROMPT_S = 0.02
"""From the start of a request to the second tick after it, unless the worker was busy or stood still."""


class DeskAttempt:
    """An attempt in the making. The permit to send it was `issued_at`, by the desk's clock; other times are
    monotonic seconds, by `clock`.

    `reported` counts the chunks that the run knows already. The first one is always reported, all others as
    they arrive only while the attempt is `watched`.
    """

    def __init__(self, ticket: int, issued_at: float, clock: Callable[[], float], *, watched: bool) -> None:
        self.ticket = ticket
        self._clock = clock
        self.watched = watched
        self.issued_at = issued_at
        self.left_at = 0.0
        self.texts: list[str] = []
        self.times: list[float] = []
        self.reported = 0
        self.answer: Answer | None = None
        self.was_sent_at: float | None = None
        """When its request was on the network, at the latest; None while that is not known."""
        self.task: asyncio.Task[None] | None = None

    async def ask(
        self,
        llm: LLM,
        prompt: Prompt,
        options: Mapping[str, Any],
        on_chunk: Callable[[DeskAttempt], None],
    ) -> Answer:
        """Send the prompt and return the answer; a failure is part of it."""

        def tell(event: Event) -> None:
            assert isinstance(event, ChunkReceived)  # noqa: S101 - an answer in the making tells of nothing else
            self.texts.append(event.text)
            self.times.append(event.at)
            on_chunk(self)

        return await gathered_answer(llm, self.ticket, prompt, options, self._clock, tell)

    def settle(self) -> None:
        """Note that the request has left: when it was begun, unless that was long ago.

        Then the worker was busy, and nobody knows when: not after the first chunk came, nor after now.
        """
        now = self._clock()
        if now - self.left_at <= _PROMPT_S:
            self.was_sent_at = self.left_at
        else:
            self.was_sent_at = self.times[0] if self.times else now

    def began(self) -> Began:
        """The first chunk, reported with this."""
        self.reported = 1
        return Began(self.ticket, self.texts[0], self.times[0] - self.left_at)

    def chunks(self) -> Chunks:
        """All chunks that were not reported, reported with this."""
        return Chunks(self.ticket, *self.unreported())

    def unreported(self) -> tuple[list[str], list[float]]:
        """Return the chunks that were not reported, and when they came after the request had left."""
        texts, times = self.texts[self.reported :], self.times[self.reported :]
        self.reported = len(self.texts)
        return texts, [at - self.left_at for at in times]

    def cancel(self) -> None:
        """Abort the request."""
        if self.task is not None:
            self.task.cancel()
