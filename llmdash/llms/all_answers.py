"""AllAnswers: the answers to many prompts, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from llmdash.llms.messages import Generation, PromptLike
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["AllAnswers"]

Ask = Callable[[PromptLike], Coroutine[Any, Any, list[Generation]]]
"""Answers one prompt, with as many candidates as are asked for."""


class AllAnswers:
    """Asks for all `prompts`, at most `max_concurrency` at a time; `answers` are in their order.

    With `return_exceptions` a Failure takes the place of an answer; else the first one is raised and the rest
    is cancelled. Raises ValueError if `max_concurrency` is below 1.
    """

    def __init__(
        self,
        ask: Ask,
        prompts: Sequence[PromptLike],
        max_concurrency: int | None,
        *,
        return_exceptions: bool,
    ) -> None:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency is {max_concurrency}, but must be at least 1")
        self.answers: list[list[Generation] | Failure] = [Failure(FailureKind.LOCAL, "not run")] * len(
            prompts
        )
        self._ask = ask
        self._prompts = prompts
        self._workers = min(len(prompts), max_concurrency or len(prompts))
        self._return_exceptions = return_exceptions

    async def ask(self) -> None:
        """Ask for all of them, on the loop that this runs on."""
        places = iter(range(len(self._prompts)))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(places))
        except ExceptionGroup as errors:
            raise _first(errors) from None

    async def _work(self, places: Iterator[int]) -> None:
        for place in places:
            try:
                self.answers[place] = await self._ask(self._prompts[place])
            except Failure as failure:
                if not self._return_exceptions:
                    raise
                self.answers[place] = failure


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
