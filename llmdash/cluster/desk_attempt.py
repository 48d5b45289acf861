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

_PROMPT_S = 0.07
"""From the start of a request to the second tick after it, unless the worker stood still."""


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
        self.over_at = 0.0
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

    @property
    def is_answered(self) -> bool:
        """True if something of the answer has come, or its end: its request has left."""
        return bool(self.times or self.over_at)

    def left_ago_s(self) -> float:
        """Return how many seconds ago the request left, at the latest.

        If it left while the worker stood still, that is when its answer came, or now.
        """
        now = self._clock()
        ago_s = now - self.left_at
        if ago_s < _PROMPT_S:
            return ago_s
        return max(0.0, now - (self.times[0] if self.times else self.over_at or now))

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
