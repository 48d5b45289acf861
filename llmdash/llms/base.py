"""LLM: one primitive that a dialect writes, and the methods that follow from it."""

from __future__ import annotations

import asyncio
import atexit
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.messages import Delta, Generation, LLMResult, PromptLike, Usage

__all__ = ["LLM"]

T = TypeVar("T")


class LLM(ABC):
    """A model that answers prompts.

    A dialect writes `_astream`; everything else derives from it. A dialect that cannot stream yields one
    Delta. Failures are raised as `Failure`. Nothing is tried twice here: whoever calls knows whether that is
    wise.

    Options of a call (`temperature`, `max_tokens`, ...) go to the server as they are, over those of the
    instance.
    """

    model: str

    @abstractmethod
    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """The Deltas of one answer. Raises Failure; an answer that just ends raises it too (truncated)."""

    def deltas(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """Every Delta of one answer, those included that bring only reasoning, usage or the finish reason."""
        return self._astream(prompt, stop=stop, **options)

    async def aclose(self) -> None:  # noqa: B027 - a model without connections has nothing to close
        """Let go of connections."""

    async def astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """The answer piece by piece, as it arrives; only pieces that hold text."""
        async with aclosing(self._astream(prompt, stop=stop, **options)) as deltas:
            async for delta in deltas:
                if delta.text:
                    yield delta

    async def ainvoke(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> Generation:
        """One whole answer."""
        text: list[str] = []
        finish_reason, usage = None, None
        try:
            async for delta in self._astream(prompt, stop=stop, **options):
                text.append(delta.text)
                finish_reason = delta.finish_reason or finish_reason
                usage = delta.usage or usage
        except Failure as failure:
            failure.partial = "".join(text)
            raise
        return Generation("".join(text), finish_reason, usage)

    async def abatch(
        self,
        prompts: Sequence[PromptLike],
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[Generation | Failure]:
        """The answers to all prompts, in their order, at most `max_concurrency` at a time.

        With `return_exceptions` a Failure stands where an answer is missing; else the first one is raised and
        the rest is cancelled. Raises ValueError if `max_concurrency` is below 1.
        """
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency is {max_concurrency}, but must be at least 1")
        answers: list[Generation | Failure] = [Failure(FailureKind.LOCAL, "not run")] * len(prompts)
        work = iter(range(len(prompts)))

        async def worker() -> None:
            for index in work:
                try:
                    answers[index] = await self.ainvoke(prompts[index], **options)
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

    async def agenerate(self, prompts: Sequence[PromptLike], **options: Any) -> LLMResult:
        """The answers as `generations[prompt][0].text`, with the tokens of all in `llm_output`."""
        answers = await self.abatch(prompts, return_exceptions=False, **options)
        generations = [answer for answer in answers if isinstance(answer, Generation)]
        used = [answer.usage or Usage(0, 0) for answer in generations]
        tokens = {
            "prompt_tokens": sum(usage.input_tokens for usage in used),
            "completion_tokens": sum(usage.output_tokens for usage in used),
            "total_tokens": sum(usage.input_tokens + usage.output_tokens for usage in used),
        }
        return LLMResult(
            [[answer] for answer in generations], {"model_name": self.model, "token_usage": tokens}
        )

    def invoke(self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any) -> Generation:
        """`ainvoke` for code that is not asynchronous; works inside a running loop too (a notebook)."""
        return _wait_for(self.ainvoke(prompt, stop=stop, **options))

    def batch(self, prompts: Sequence[PromptLike], **options: Any) -> list[Generation | Failure]:
        """`abatch` for code that is not asynchronous."""
        return _wait_for(self.abatch(prompts, **options))

    def generate(self, prompts: Sequence[PromptLike], **options: Any) -> LLMResult:
        """`agenerate` for code that is not asynchronous."""
        return _wait_for(self.agenerate(prompts, **options))

    def stream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> Iterator[Delta]:
        """`astream` for code that is not asynchronous."""
        deltas = self.astream(prompt, stop=stop, **options)

        async def following() -> Delta | None:
            return await anext(deltas, None)

        try:
            while (delta := _wait_for(following())) is not None:
                yield delta
        finally:
            _wait_for(deltas.aclose())


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found


class _LoopThread:
    """One event loop on a thread of its own, made on first use, for all synchronous calls of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="llmdash-calls", daemon=True).start()
                atexit.register(_end, self._loop)
            return self._loop


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Close what was left open in the loop (connections), so that the interpreter does not complain."""
    closing = asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop)
    with suppress(TimeoutError):
        closing.result(timeout=1.0)


_calls = _LoopThread()


def _wait_for(work: Coroutine[Any, Any, T]) -> T:
    future = asyncio.run_coroutine_threadsafe(work, _calls.loop())
    try:
        return future.result()
    finally:
        future.cancel()  # has an effect only if waiting was interrupted
