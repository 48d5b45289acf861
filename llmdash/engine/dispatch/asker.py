"""Asker: who makes an attempt. Here it is this process; a worker elsewhere fits the same seam."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Protocol

from llmdash.engine.dispatch.attempt import Answer, Attempt, GatheredAnswer
from llmdash.engine.model.events import Event
from llmdash.llms.messages import Message
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt

__all__ = ["Asker", "LocalAsker", "Lost", "NotSent"]


class NotSent(Exception):
    """The request never left, and never will: nobody counts it, and the job is the next one again."""


class Lost(Exception):
    """Whoever made the attempt is gone: what came of it nobody knows, and it may have to be paid for.

    No key is to blame. The job is the next one again.
    """


class Asker(Protocol):
    """Makes attempts, and says if it cannot."""

    async def ready(self) -> None:
        """Wait until an attempt can be made at all; it gets a permit and a key only then."""

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        """Send `prompt`; call `left` once as the request goes out, `tell` with each chunk of the answer.

        A failure is part of the answer. Raises NotSent, before `left`, and Lost, after it. Cancelled, it cuts
        the request off.
        """


class LocalAsker:
    """Makes attempts in this process, with the model that is bound to the attempt's key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def ready(self) -> None:
        return

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        left()
        gathered = GatheredAnswer(attempt.job, self._clock, tell)
        failure: Failure | None = None
        try:
            messages = tuple(Message(role, content) for role, content in prompt.messages)  # type: ignore[arg-type]
            async for delta in attempt.member.llm.deltas(messages, **options):
                gathered.add(delta)
        except asyncio.CancelledError:
            failure = Failure(FailureKind.TRANSIENT, "the model's class gave the call up by itself")
        except Exception as error:  # noqa: BLE001 - the one boundary of an attempt: a fault in a model's class costs no job
            failure = error if isinstance(error, Failure) else _fault(error)
        task = asyncio.current_task()
        if failure is not None and task is not None and task.cancelling():
            raise asyncio.CancelledError  # this side gave the call up, whatever came of that
        return gathered.answer(prompt, failure)


def _fault(error: Exception) -> Failure:
    """The Failure that an exception of another kind stands for: its type and place.

    Its text is left out, since the text of a library's error can hold a header's value.
    """
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {PurePath(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return Failure(FailureKind.TRANSIENT, f"a fault in the model's class: {type(error).__name__}{where}")
