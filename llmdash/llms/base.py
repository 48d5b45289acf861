"""LLM: one primitive that a dialect writes, and the methods that follow from it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from llmdash.llms.events import EventMaker
from llmdash.llms.gathering import Gathering
from llmdash.llms.messages import Delta, Generation, LLMResult, PromptLike, Usage
from llmdash.llms.retrying import wait_to_retry
from llmdash.llms.shapes import CHAT, Shape
from llmdash.llms.sync_bridge import each, wait_for
from llmdash.llms.wire.failures import Failure, FailureKind

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Whole = TypeVar("Whole", default=Any)
    Piece = TypeVar("Piece", default=Any)
else:
    from typing import TypeVar

    Whole = TypeVar("Whole")
    Piece = TypeVar("Piece")

__all__ = ["LLM"]


class LLM(ABC, Generic[Whole, Piece]):
    """A model that answers prompts.

    A dialect writes `_astream`; everything else derives from it. A dialect that cannot stream yields one
    Delta. Failures are raised as `Failure`. `shape` decides what answers look like: `invoke` returns a
    `Whole` and `stream` yields `Piece`s, both `str` for a plain model, Generation and Delta for a chat model.

    Where a call fails for a time, the methods retry up to `max_retries` times; a stream only until its first
    piece. `deltas` never retries: the engine that calls it has a policy of its own.

    Options of a call (`temperature`, `max_tokens`, ...) go to the server as they are, over those of the
    instance.

    >>> class Parrot(LLM):
    ...     model = "parrot"
    ...     async def _astream(self, prompt, *, stop=None, **options):
    ...         yield Delta(str(prompt), finish_reason="stop")
    >>> Parrot().invoke("Hello").content
    'Hello'
    """

    model: str
    max_retries: int = 0
    shape: ClassVar[Shape[Any, Any]] = CHAT

    @abstractmethod
    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """The Deltas of one answer. Raises Failure; an answer that just ends raises it too (truncated)."""

    def deltas(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """Yield every Delta of one answer, also those with only reasoning, usage or a finish reason."""
        return self._astream(prompt, stop=stop, **options)

    def event_facts(self) -> dict[str, Any]:
        """Return what the metadata of events says of this model, by LangChain's names."""
        return {"ls_provider": type(self).__name__.lower(), "ls_model_name": self.model}

    async def aclose(self) -> None:
        """Close the connections."""

    async def astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer piece by piece as it arrives; only pieces with text."""
        async with aclosing(self._retried(prompt, stop=stop, **options)) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield self.shape.piece(delta)

    async def astream_events(
        self,
        prompt: PromptLike,
        config: Mapping[str, Any] | None = None,
        *,
        version: str = "v2",
        stop: Sequence[str] | None = None,
        **options: Any,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the call as events: one at the start, one for each piece of text, one with the whole answer.

        `EventMaker` says what they hold. `config` may bring `tags`, `metadata`, `run_name` and `run_id`.
        Raises NotImplementedError for a `version` other than v1 and v2.
        """
        make = EventMaker(
            version, self.shape, type(self).__name__, config=config or {}, facts=self.event_facts()
        )
        yield make.start(prompt)
        gathered = Gathering()
        async with aclosing(self._retried(prompt, stop=stop, **options)) as deltas:
            async for delta in deltas:
                gathered.add(delta)
                if delta.text:
                    yield make.stream(self.shape.piece(delta))
        yield make.end(gathered.answer())

    async def ainvoke(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> Whole:
        """Return the whole answer."""
        answer: Whole = self.shape.whole(await self._answer(prompt, stop=stop, **options))
        return answer

    async def abatch(
        self,
        prompts: Sequence[PromptLike],
        config: Mapping[str, Any] | None = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[Whole | Failure]:
        """Return the answers to all prompts, in their order, at most `max_concurrency` at a time.

        `max_concurrency` may be given in `config` too. With `return_exceptions` a Failure takes the place of
        a missing answer; else the first one is raised and the rest is cancelled. Raises ValueError if
        `max_concurrency` is below 1.
        """
        most = max_concurrency if max_concurrency is not None else (config or {}).get("max_concurrency")
        answers = await self._answers(prompts, most, return_exceptions=return_exceptions, **options)
        return [one if isinstance(one, Failure) else self.shape.whole(one) for one in answers]

    async def agenerate(self, prompts: Sequence[PromptLike], **options: Any) -> LLMResult:
        """Return the answers as `generations[prompt][0].text`, with the tokens of all in `llm_output`."""
        most = options.pop("max_concurrency", None)
        answers = await self._answers(prompts, most, return_exceptions=False, **options)
        generations = [answer for answer in answers if isinstance(answer, Generation)]
        used = [answer.usage or Usage(0, 0) for answer in generations]
        asked, said = sum(usage.input_tokens for usage in used), sum(usage.output_tokens for usage in used)
        tokens = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        return LLMResult(
            [[answer] for answer in generations], {"model_name": self.model, "token_usage": tokens}
        )

    def invoke(self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any) -> Whole:
        """`ainvoke` for code that is not asynchronous; works inside a running loop too (a notebook)."""
        return wait_for(self.ainvoke(prompt, stop=stop, **options))

    def batch(
        self, prompts: Sequence[PromptLike], config: Mapping[str, Any] | None = None, **options: Any
    ) -> list[Whole | Failure]:
        """`abatch` for code that is not asynchronous."""
        return wait_for(self.abatch(prompts, config, **options))

    def generate(self, prompts: Sequence[PromptLike], **options: Any) -> LLMResult:
        """`agenerate` for code that is not asynchronous."""
        return wait_for(self.agenerate(prompts, **options))

    def stream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> Iterator[Piece]:
        """`astream` for code that is not asynchronous."""
        return each(self.astream(prompt, stop=stop, **options))

    async def _retried(
        self, prompt: PromptLike, *, stop: Sequence[str] | None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """The Deltas of the first try that yields text; a failure after its first text is raised."""
        tried = 0
        while True:
            begun = False
            try:
                async with aclosing(self._astream(prompt, stop=stop, **options)) as deltas:
                    async for delta in deltas:
                        begun = begun or bool(delta.text)
                        yield delta
                return
            except Failure as failure:
                if begun:
                    raise
                await wait_to_retry(failure, tried, self.max_retries)
            tried += 1

    async def _answer(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> Generation:
        """The first complete answer."""
        tried = 0
        while True:
            gathered = Gathering()
            try:
                async for delta in self._astream(prompt, stop=stop, **options):
                    gathered.add(delta)
                return gathered.answer()
            except Failure as failure:
                failure.partial = gathered.text()
                await wait_to_retry(failure, tried, self.max_retries)
            tried += 1

    async def _answers(
        self,
        prompts: Sequence[PromptLike],
        max_concurrency: int | None,
        *,
        return_exceptions: bool,
        **options: Any,
    ) -> list[Generation | Failure]:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency is {max_concurrency}, but must be at least 1")
        answers: list[Generation | Failure] = [Failure(FailureKind.LOCAL, "not run")] * len(prompts)
        work = iter(range(len(prompts)))

        async def worker() -> None:
            for index in work:
                try:
                    answers[index] = await self._answer(prompts[index], **options)
                except Failure as failure:
                    if not return_exceptions:
                        raise
                    answers[index] = failure

        workers = min(len(prompts), max_concurrency or len(prompts))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(worker())
        except ExceptionGroup as errors:
            raise _first(errors) from None
        return answers


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
