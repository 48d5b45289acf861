"""LLM: one primitive that a dialect writes, and the methods that follow from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from llmdash.llms.all_answers import AllAnswers
from llmdash.llms.call_config import Config, config_of, configs_of, refuse_text
from llmdash.llms.errors import publicly
from llmdash.llms.events import EventMaker
from llmdash.llms.gathering import Gathering, LastPiece
from llmdash.llms.messages import Delta, Generation, LLMResult, PromptLike, RequestPicture
from llmdash.llms.options import token_limit
from llmdash.llms.request_identity import RequestIdentity
from llmdash.llms.retrying import wait_to_retry
from llmdash.llms.shapes import CHAT, Shape
from llmdash.llms.sync_bridge import each, wait_for
from llmdash.llms.wire.failures import Failure

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from llmdash.llms.batches import Batches

    T = TypeVar("T")
    Whole = TypeVar("Whole", default=Any)
    Piece = TypeVar("Piece", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")
    Whole = TypeVar("Whole")
    Piece = TypeVar("Piece")

__all__ = ["LLM", "Stop"]

Stop = str | Sequence[str] | None
"""Where an answer ends: a text, or several."""


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
    says_when_sent: ClassVar[bool] = False
    """True if every request of a call is announced by `transport.sending.SENDING`."""
    shape: ClassVar[Shape[Any, Any]] = CHAT

    @abstractmethod
    def _astream(
        self, prompt: PromptLike, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """The Deltas of one answer. Raises Failure; an answer that just ends raises it too (truncated)."""

    def deltas(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> AsyncGenerator[Delta, None]:
        """Yield every Delta of one answer, also those with only reasoning, usage or a finish reason."""
        return self._pieces(lambda: self._astream(prompt, stop=stop, **options))

    def identity(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> RequestIdentity | None:
        """Return what makes the request of a call the same as another; None where that is not known, as
        where the request is made by code of others.
        """
        return None

    def picture(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> RequestPicture | None:
        """Return the request of a call as it may be seen; None where it is made by code of others."""
        return None

    def batches(self) -> Batches | None:
        """Return the provider's batch service, used with the key of this model; None where there is none for
        its calls.
        """
        return None

    def longest_answer(self, options: Mapping[str, Any]) -> int | None:
        """Return the most tokens of an answer to a call with these options; None without a limit."""
        return token_limit(options)

    def event_facts(self) -> dict[str, Any]:
        """Return what the metadata of events says of this model, by LangChain's names."""
        return {"ls_provider": type(self).__name__.lower(), "ls_model_name": self.model}

    async def aclose(self) -> None:
        """Close the connections."""

    def astream(
        self, prompt: PromptLike, config: Config = None, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer piece by piece as it arrives: pieces with text, and a last one without, which
        bears the finish reason and what else is known at the end.
        """
        config_of(config, "astream")
        return self._pieces(lambda: self._shaped(prompt, stop, options))

    async def _shaped(
        self, prompt: PromptLike, stop: Stop, options: Mapping[str, Any]
    ) -> AsyncGenerator[Piece, None]:
        last = LastPiece()
        with publicly():
            async with aclosing(self._retried(prompt, stop=stop, **options)) as deltas:
                async for delta in deltas:
                    if delta.text:
                        last.came(delta)
                        yield self.shape.piece(delta)
                    else:
                        last.add(delta)
        if (end := last.piece()) is not None:
            yield self.shape.piece(end)

    def astream_events(
        self,
        prompt: PromptLike,
        config: Config = None,
        *,
        version: str = "v2",
        stop: Stop = None,
        **options: Any,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the call as events: one at the start, one for each piece of text, one with the whole answer.

        `EventMaker` says what they hold. `config` may bring `tags`, `metadata`, `run_name` and `run_id`.
        Raises NotImplementedError for a `version` other than v1 and v2.
        """
        make = EventMaker(
            version,
            self.shape,
            type(self).__name__,
            config=self._with_own(config_of(config, "astream_events")),
            facts=self.event_facts(),
        )
        return self._pieces(lambda: self._events(make, prompt, stop, options))

    async def _events(
        self, make: EventMaker, prompt: PromptLike, stop: Stop, options: Mapping[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        yield make.start(prompt)
        gathered = Gathering()
        with publicly():
            async with aclosing(self._retried(prompt, stop=stop, **options)) as deltas:
                async for delta in deltas:
                    gathered.add(delta)
                    if delta.text:
                        yield make.stream(self.shape.piece(delta))
        yield make.end(gathered.answer())

    async def ainvoke(
        self, prompt: PromptLike, config: Config = None, *, stop: Stop = None, **options: Any
    ) -> Whole:
        """Return the whole answer."""
        config_of(config, "ainvoke")
        with publicly():
            (found, *_) = await self._result(lambda: self._candidates(prompt, stop=stop, **options))
        answer: Whole = self.shape.whole(found)
        return answer

    async def abatch(
        self,
        prompts: Sequence[PromptLike],
        config: Config | Sequence[Config] = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[Whole | Failure]:
        """Return the answers to all prompts, in their order, at most `max_concurrency` at a time.

        `max_concurrency` may be given in `config` too; a list has a config for each prompt. With
        `return_exceptions` a Failure takes the place of a missing answer; else the first one is raised and
        the rest is cancelled. Raises ValueError if `max_concurrency` is below 1, TypeError for one text in
        place of a list.
        """
        refuse_text(prompts, "abatch")
        configs = configs_of(config, len(prompts), "abatch")
        most = max_concurrency
        if most is None and configs:
            most = configs[0].get("max_concurrency")
        with publicly():
            answers = await self._answers(prompts, most, return_exceptions=return_exceptions, **options)
        return [one if isinstance(one, Failure) else self.shape.whole(one[0]) for one in answers]

    async def agenerate(
        self, prompts: Sequence[PromptLike], config: Config = None, **options: Any
    ) -> LLMResult:
        """Return the answers as `generations[prompt][candidate].text`, with the tokens of all in
        `llm_output`. There is one candidate a prompt, or as many as `n` asks for.
        """
        refuse_text(prompts, "agenerate")
        config_of(config, "agenerate")
        most = options.pop("max_concurrency", None)
        with publicly():
            answers = await self._answers(prompts, most, return_exceptions=False, **options)
        generations = [answer for answer in answers if not isinstance(answer, Failure)]
        used = [one.usage for answer in generations for one in answer if one.usage is not None]
        asked, said = sum(usage.input_tokens for usage in used), sum(usage.output_tokens for usage in used)
        tokens = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        return LLMResult(generations, {"model_name": self.model, "token_usage": tokens})

    def invoke(
        self, prompt: PromptLike, config: Config = None, *, stop: Stop = None, **options: Any
    ) -> Whole:
        """`ainvoke` for code that is not asynchronous; works inside a running loop too (a notebook)."""
        return wait_for(self.ainvoke(prompt, config, stop=stop, **options))

    def batch(
        self, prompts: Sequence[PromptLike], config: Config | Sequence[Config] = None, **options: Any
    ) -> list[Whole | Failure]:
        """`abatch` for code that is not asynchronous."""
        refuse_text(prompts, "batch")
        return wait_for(self.abatch(prompts, config, **options))

    def generate(self, prompts: Sequence[PromptLike], config: Config = None, **options: Any) -> LLMResult:
        """`agenerate` for code that is not asynchronous."""
        refuse_text(prompts, "generate")
        return wait_for(self.agenerate(prompts, config, **options))

    def stream(
        self, prompt: PromptLike, config: Config = None, *, stop: Stop = None, **options: Any
    ) -> Iterator[Piece]:
        """`astream` for code that is not asynchronous."""
        return each(lambda: self.astream(prompt, config, stop=stop, **options))

    def _with_own(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """A config with the tags, metadata and name of this instance, if it has some."""
        return config

    def _pieces(self, make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """The pieces of a generator, made where the connections are."""
        return make()

    async def _result(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine that is run where the connections are."""
        return await work()

    async def _retried(
        self, prompt: PromptLike, *, stop: Stop, **options: Any
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

    async def _answer(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> Generation:
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

    async def _candidates(self, prompt: PromptLike, **options: Any) -> list[Generation]:
        """The answers to one prompt: one, unless a dialect can ask for more."""
        return [await self._answer(prompt, **options)]

    async def _answers(
        self,
        prompts: Sequence[PromptLike],
        max_concurrency: int | None,
        *,
        return_exceptions: bool,
        **options: Any,
    ) -> list[list[Generation] | Failure]:
        work = partial(self._candidates, **options)
        all_at_once = AllAnswers(work, prompts, max_concurrency, return_exceptions=return_exceptions)
        await self._result(all_at_once.ask)
        return all_at_once.answers
