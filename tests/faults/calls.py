"""Calls to a fault server, and the watch over what they leave behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.base import LLM
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure
from llmdash.simulator.answers import Question
from tests.faults.scene import answer_to

SHORT = Timeouts(connect=10.0, first_byte=0.3, stall=0.3, total=1.0)
SHORT_CONNECT = Timeouts(connect=0.2)
LONG = Timeouts(connect=10.0, first_byte=30.0, stall=30.0, total=60.0)

MODELS: dict[str, Callable[..., LLM]] = {
    "chat": ChatOpenAI,
    "completions": OpenAI,
    "responses": lambda *given, **more: ChatOpenAI(*given, use_responses_api=True, **more),
    "messages": ChatAnthropic,
}


class Asked(NamedTuple):
    """What came of one call: the text of the whole answer, or the Failure."""

    text: str | None
    failure: Failure | None


def fine_text(prompt: str) -> str:
    """The fine answer to a prompt."""
    return answer_to(Question("m", (("user", prompt),))).text


async def ask(llm: LLM, prompt: str) -> Asked:
    try:
        answer = (await llm.agenerate([prompt])).generations[0][0]
    except Failure as failure:
        return Asked(None, failure)
    assert answer.finish_reason is not None
    return Asked(answer.text, None)


def model(client: HttpClient, base_url: str, which: int, *, key: str = "sk-fault-0123456789") -> LLM:
    """One of the dialects, plain or streamed: `which` counts through all eight."""
    make = list(MODELS.values())[which % 4]
    streaming = which // 4 % 2 == 0
    return make("m", api_key=key, base_url=base_url, client=client, streaming=streaming, max_retries=0)


@asynccontextmanager
async def connected(timeouts: Timeouts = LONG) -> AsyncIterator[HttpClient]:
    client = HttpClient(timeouts=timeouts)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails for what is left behind by all that was done inside: errors that nobody waited for, tasks, and
    whatever the collector warns about (pytest turns warnings into errors).
    """
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    before, handler = asyncio.all_tasks(), loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        yield
        for _ in range(3):  # a connection that was aborted is closed in the next turn of the loop
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - before
        gc.collect()
        await asyncio.sleep(0)
        assert not complaints and not left, f"{complaints} {left}"
    finally:
        loop.set_exception_handler(handler)
