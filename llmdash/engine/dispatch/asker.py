"""Asker: makes attempts. LocalAsker makes them in this process; others hand them to workers elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Protocol

from llmdash.engine.dispatch.attempt import Answer, Attempt, GatheredAnswer
from llmdash.engine.model.events import Event
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.pool.member import Member
from llmdash.llms.base import LLM
from llmdash.llms.messages import Body, Message, PromptLike, Turn
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt

__all__ = ["Asker", "LocalAsker", "Lost", "NotSent", "as_asked", "gathered_answer"]


class NotSent(Exception):
    """The request was never sent and will not be: it is not counted, and the job is next again."""


class Lost(Exception):
    """The worker that made the attempt is gone: the outcome is unknown, and may have to be paid for.

    No key is at fault. The job is next again; it may be at fault itself, unless the worker just fell
    `silent`.
    """

    def __init__(self, *, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent


class Asker(Protocol):
    """Makes attempts. All but `watch`, `workers` and `blocked` is called on the engine's loop."""

    address: str
    """Where the workers are managed; empty where this process makes the attempts itself."""

    async def ready(self) -> None:
        """Wait until an attempt can be made; only then does the job get a permit and a key."""

    def place(self, member: Member) -> str | None:
        """Return the name of the worker for the next attempt with the key of `member`, which `ask` then gets
        in the attempt's record; None if this process makes it.
        """

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[float | None], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        """Send `prompt`; call `left` once when the request is sent, `tell` with each chunk of the answer.

        `left` gets how many seconds ago that was, None if the event loop sends it next.

        A failure is part of the answer. Raises NotSent before `left`, Lost after it. Cancelling it aborts the
        request.
        """

    def watch(self, jobs: Collection[int]) -> None:
        """Report the chunks of these jobs as they arrive; those of others may come with the answer."""

    def workers(self) -> Sequence[WorkerRow]:
        """The workers in the order of joining, also those that are gone; what they have done left out."""

    def blocked(self) -> str | None:
        """Return in words why no attempt can be made now; None if one can."""

    def drain(self, name: str) -> None:
        """Give a worker nothing new. Unknown names are ignored: the user may look at an old frame."""

    def take_again(self, name: str) -> None:
        """Give a drained worker work again."""


class LocalAsker:
    """Makes attempts in this process, with the model that is bound to the attempt's key."""

    address = ""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    async def ready(self) -> None:
        return

    def place(self, member: Member) -> str | None:
        return None

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[float | None], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        left(None)
        return await gathered_answer(attempt.member.llm, attempt.job, prompt, options, self._clock, tell)

    def watch(self, jobs: Collection[int]) -> None:
        """All chunks are reported as they arrive."""

    def workers(self) -> Sequence[WorkerRow]:
        return ()

    def blocked(self) -> str | None:
        return None

    def drain(self, name: str) -> None:
        """There is no worker."""

    def take_again(self, name: str) -> None:
        """There is no worker."""


async def gathered_answer(
    llm: LLM[Any, Any],
    job: int,
    prompt: Prompt,
    options: Mapping[str, Any],
    clock: Callable[[], float],
    tell: Callable[[Event], None],
) -> Answer:
    """Ask the model, `tell` of each chunk as it arrives, and return the answer; a failure is part of it."""
    gathered = GatheredAnswer(job, clock, tell)
    failure: Failure | None = None
    try:
        async for delta in llm.deltas(as_asked(prompt), **options):
            gathered.add(delta)
    except asyncio.CancelledError:
        failure = Failure(FailureKind.TRANSIENT, "the model's class cancelled the call")
    except Exception as error:  # noqa: BLE001 - the one boundary of an attempt: a fault in a model's class costs no job
        failure = error if isinstance(error, Failure) else _fault(error)
    if failure is not None and (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError  # the cancellation came from this side
    return gathered.answer(prompt, failure)


def as_asked(prompt: Prompt) -> PromptLike:
    """Return what is asked: the messages, or the whole body where the input has one."""
    messages: tuple[Turn, ...] = tuple(
        [Message(*said) if isinstance(said, tuple) else said for said in prompt.messages]  # type: ignore[arg-type]
    )
    if prompt.body is None:
        return messages
    return Body(prompt.body.wire, prompt.body.fields, messages, prompt.options)


def _fault(error: Exception) -> Failure:
    """Return an exception of another kind as a Failure with its type and place.

    Its text is left out, since the text of a library's error can contain a header's value.
    """
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {PurePath(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return Failure(FailureKind.TRANSIENT, f"a fault in the model's class: {type(error).__name__}{where}")
