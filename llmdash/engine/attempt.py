"""One attempt: ask the LLM, watch the answer arrive, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmdash.engine.events import ChunkReceived, Event
from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure
from llmdash.llms.messages import Message, Usage
from llmdash.prompts.source import Prompt

__all__ = ["Answer", "ask", "storable"]

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt brought. With a `failure` the text is only part of an answer."""

    text: str
    finish_reason: str | None
    usage: Usage
    ttft_s: float | None
    latency_s: float
    failure: Failure | None = None


async def ask(
    llm: LLM,
    job: int,
    prompt: Prompt,
    options: Mapping[str, Any],
    clock: Callable[[], float],
    tell: Callable[[Event], None],
) -> Answer:
    """Send `prompt` and gather the answer, telling of each chunk. A Failure is part of what is returned."""
    messages = tuple(Message(role, content) for role, content in prompt.messages)  # type: ignore[arg-type]
    sent_at = clock()
    texts: list[str] = []
    first_at: float | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    try:
        async for delta in llm.deltas(messages, **options):
            if delta.text or delta.reasoning:
                if first_at is None:
                    first_at = delta.at
                texts.append(delta.text)
                tell(ChunkReceived(job, delta.text, delta.at))
            finish_reason = delta.finish_reason or finish_reason
            usage = delta.usage or usage
    except Failure as error:
        failure = error
    text = storable("".join(texts))
    return Answer(
        text=text,
        finish_reason=finish_reason,
        usage=usage or _estimated(prompt, text),
        ttft_s=None if first_at is None else first_at - sent_at,
        latency_s=clock() - sent_at,
        failure=failure,
    )


def storable(text: str) -> str:
    """`text` with the halves of surrogate pairs joined, and lone ones replaced: what UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _estimated(prompt: Prompt, text: str) -> Usage:
    """A guess of four characters a token, for servers that do not count."""
    asked = sum(len(content) for _, content in prompt.messages)
    return Usage(-(-asked // _CHARACTERS_A_TOKEN), -(-len(text) // _CHARACTERS_A_TOKEN), estimated=True)
