"""The calls of both kinds of Runnable, by the class that makes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from llmdash.llms.base import Stop
from llmdash.llms.errors import publicly
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, Generation, PromptLike
from llmdash.llms.wire.failures import Failure

__all__ = ["all_answers", "answers", "deltas"]


async def answers(llm: HttpLLM, prompt: PromptLike, stop: Stop, options: dict[str, Any]) -> list[Generation]:
    """Return the answers to one prompt: one, or as many as `n` asks for."""
    with publicly():
        return await llm._result(lambda: llm._candidates(prompt, stop=stop, **options))


async def all_answers(
    llm: HttpLLM, prompts: Sequence[PromptLike], stop: Stop, options: dict[str, Any]
) -> list[list[Generation]]:
    """Return the answers to several prompts, asked all at once."""
    with publicly():
        found = await llm._answers(prompts, None, return_exceptions=False, stop=stop, **options)
    return [answer for answer in found if not isinstance(answer, Failure)]


def deltas(
    llm: HttpLLM, prompt: PromptLike, stop: Stop, options: dict[str, Any]
) -> AsyncGenerator[tuple[Delta, bool], None]:
    """Yield each Delta that says something, and whether it is the last one."""
    return llm._pieces(lambda: _with_end(llm, prompt, stop, options))


async def _with_end(
    llm: HttpLLM, prompt: PromptLike, stop: Stop, options: dict[str, Any]
) -> AsyncGenerator[tuple[Delta, bool], None]:
    end = Delta()
    with publicly():
        async with aclosing(llm._retried(prompt, stop=stop, **options)) as pieces:
            async for delta in pieces:
                if delta.text or delta.reasoning:
                    yield Delta(delta.text, delta.reasoning, at=delta.at), False
                end += msgspec.structs.replace(delta, text="", reasoning="", hints=None, headers="")
    yield end, True
