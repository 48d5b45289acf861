"""Any model of LangChain behind the same methods. LangChain itself is loaded by the target alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import cache
from time import monotonic
from typing import Any

from llmdash.llms.base import LLM, Stop
from llmdash.llms.loading import load
from llmdash.llms.messages import Delta, Generation, Message, PromptLike, as_messages, role_of, text_of
from llmdash.llms.options import merge_options
from llmdash.llms.parsing import chain_of, parsed
from llmdash.llms.sync_bridge import Elsewhere
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.langchain import ChunkReader, failure_of, secrets_in
from llmdash.secrets import Redactor

__all__ = ["LangChainLLM"]

_EXTRA = "pip install 'llmdash[langchain]'"


class LangChainLLM(LLM[Generation, Delta]):
    """A LangChain Runnable: a chat model, a plain LLM, or a chain that ends in text.

    `target` is the Runnable, a function without arguments that makes it, or the name of either as
    `module:attribute`; modules in the current folder are found too. Keys, addresses and retries are up to the
    target. `timeouts` limit how long its answers may take; `model_kwargs` go with every call. The target runs
    on one event loop of its own thread, whatever loop calls it: the connections that LangChain's models share
    are bound to a loop.

    Raises Failure (CONFIG) if the target cannot be loaded or is not a Runnable.

    >>> from langchain_core.language_models import FakeListChatModel
    >>> llm = LangChainLLM(FakeListChatModel(responses=["Hello!"]))
    >>> llm.invoke("Hello, how are you?").content
    'Hello!'
    """

    def __init__(
        self,
        target: Any,
        *,
        model: str | None = None,
        timeouts: Timeouts | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = target if isinstance(target, str) else type(target).__name__
        runnable = _named(target) if isinstance(target, str) else _made(target, self._name)
        if not hasattr(runnable, "astream"):
            raise Failure(FailureKind.CONFIG, f"{self._name}: a {type(runnable).__name__} is not a Runnable")
        self.target = runnable
        self._chain = chain_of(runnable)
        self.model = model or _model_name(runnable)
        self._timeouts = timeouts or Timeouts()
        self._given = dict(model_kwargs or {})
        self._redactor = Redactor(secrets_in(runnable))

    def __repr__(self) -> str:
        return f"LangChainLLM({self._name!r}, model={self.model!r})"

    def event_facts(self) -> dict[str, Any]:
        return {"ls_provider": "langchain", "ls_model_name": self.model}

    def _astream(
        self, prompt: PromptLike, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        merged = merge_options(self._given, options)
        asked = {name: value for name, value in merged.items() if value is not None}
        if stop:
            asked["stop"] = [stop] if isinstance(stop, str) else list(stop)
        return Elsewhere(lambda: self._ask(prompt, asked))

    async def _ask(self, prompt: PromptLike, asked: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        reader = ChunkReader(self._redactor.redact)
        head, parser = self._chain
        texts: list[str] = []
        whole: Any = None
        try:
            async with aclosing(self._in_time(head.astream(_input(prompt), **asked))) as chunks:
                async for chunk in chunks:
                    delta = reader.read(chunk, monotonic())
                    if parser is None:
                        yield delta
                        continue
                    texts.append(delta.text)
                    whole = chunk if whole is None else whole + chunk
        except (Failure, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to code that may raise anything
            raise failure_of(error, self._redactor.redact) from None
        end = reader.end(monotonic())
        yield end if parser is None else await parsed(parser, whole, end, "".join(texts))

    async def _in_time(self, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """The chunks, closed in the end. Raises Failure when one takes too long, or all together."""
        clock = asyncio.get_running_loop().time
        limits = self._timeouts
        deadline, limit = clock() + limits.total, limits.until_first_byte()
        end = object()
        try:
            while True:
                try:
                    async with asyncio.timeout_at(min(deadline, clock() + limit)) as timer:
                        chunk = await anext(chunks, end)
                except TimeoutError:
                    if not timer.expired():
                        raise
                    raise _late(clock() >= deadline, limits, limit) from None
                if chunk is end:
                    return
                yield chunk
                limit = limits.stall
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()


@cache
def _named(target: str) -> Any:
    """Return what `target` names, made once: many keys, or a check before a run, share it."""
    return _made(load(target, _EXTRA), target)


def _made(found: Any, name: str) -> Any:
    """Return the Runnable, or what the function that makes it returns."""
    if hasattr(found, "astream") or not callable(found):
        return found
    try:
        return found()
    except Exception as error:  # noqa: BLE001 - the function is the user's: whatever it raises, there is no model
        raise Failure(FailureKind.CONFIG, f"{name}: raises {type(error).__name__} when called") from None


def _late(total: bool, limits: Timeouts, limit: float) -> Failure:
    text = f"no end within {limits.total:g} s" if total else f"stalled: no content for {limit:g} s"
    return Failure(FailureKind.TRANSIENT, text)


def _input(prompt: PromptLike) -> str | list[tuple[str, str] | dict[str, Any]]:
    """A single user message as its text, which every Runnable takes; a conversation as pairs of role and
    text.
    """
    messages = as_messages(prompt)
    if len(messages) == 1 and role_of(messages[0]) == "user":
        return text_of(messages[0])
    return [(one.role, one.content) if isinstance(one, Message) else dict(one) for one in messages]


def _model_name(runnable: Any) -> str:
    names = (getattr(runnable, name, None) for name in ("model_name", "model"))
    return next((name for name in names if isinstance(name, str) and name), type(runnable).__name__)
