"""Anthropic's models, by its Messages API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from llmdash.llms.dialects import ANTHROPIC
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, Generation, Turn, as_messages, role_of, text_of
from llmdash.llms.shapes import PLAIN, Shape
from llmdash.llms.turns import as_blocks
from llmdash.llms.wire.anthropic import MessageReader
from llmdash.llms.wire.dialect import Dialect, Header, Request, below
from llmdash.secrets import Secret

__all__ = ["ANTHROPIC", "DEFAULT_MAX_TOKENS", "MESSAGES", "Anthropic", "ChatAnthropic"]

DEFAULT_MAX_TOKENS = 1024
"""The API requires a limit in every request."""

_DEFAULT_MODEL = "claude-haiku-4-5"
_VERSION = b"2023-06-01"
_OTHER_LIMITS = ("max_completion_tokens", "max_output_tokens")
_SYSTEM = ("system", "developer")


class Messages:
    """`POST {base_url}/v1/messages`; the base URL may end in `/v1` or not."""

    provider = ANTHROPIC
    wire = "messages"

    def url(self, base_url: str) -> str:
        base, mark, query = base_url.strip().partition("?")
        base = base.rstrip("/").removesuffix("/messages")
        return below(below(base, "/v1"), "/messages") + mark + query

    def headers(self, secret: Secret) -> Sequence[Header]:
        return (b"x-api-key", secret.reveal().encode("ascii")), (b"anthropic-version", _VERSION)

    def body(self, request: Request) -> dict[str, Any]:
        messages = as_messages(request.prompt)
        body: dict[str, Any] = {
            "model": request.model,
            "system": _system_of(messages) or None,
            "messages": as_blocks(one for one in messages if role_of(one) not in _SYSTEM),
            "stop_sequences": [request.stop] if isinstance(request.stop, str) else request.stop,
            "stream": request.streamed or None,
            **request.options,
        }
        most = [body.get("max_tokens"), *(body.pop(name, None) for name in _OTHER_LIMITS)]
        body["max_tokens"] = next((count for count in most if count is not None), DEFAULT_MAX_TOKENS)
        return body

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> MessageReader:
        return MessageReader(headers, redact)


def _system_of(messages: Sequence[Turn]) -> Any:
    """The system prompt: the blocks of a lone one, which may have cache marks, else the text of all."""
    found = [one for one in messages if role_of(one) in _SYSTEM]
    content = found[0].get("content") if len(found) == 1 and isinstance(found[0], Mapping) else None
    return content if isinstance(content, list) else "\n\n".join(map(text_of, found))


MESSAGES = Messages()


class ChatAnthropic(HttpLLM[Generation, Delta]):
    """A chat model of Anthropic.

    `api_key` and `base_url` come from `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL` where they are not given;
    `HttpLLM` says what the other arguments are. `max_tokens` is 1024 unless given: the API requires a limit.

    >>> llm = ChatAnthropic()
    >>> answer = llm.invoke([("system", "Be brief."), ("user", "What is 2 + 3 x 4?")])
    >>> answer.content, answer.response_metadata["finish_reason"]
    ('2 + 3 x 4 = 14.', 'end_turn')
    """

    dialect: Dialect = MESSAGES
    default_model: ClassVar[str] = _DEFAULT_MODEL
    default_max_tokens: ClassVar[int | None] = DEFAULT_MAX_TOKENS


class Anthropic(HttpLLM[str, str]):
    """A model of Anthropic for plain text. Answers are `str`; else it is like ChatAnthropic.

    >>> llm = Anthropic()
    >>> for chunk in llm.stream("What is 2 + 3 x 4?"):
    ...     print(chunk, end="|", flush=True)  # doctest: +ELLIPSIS
    2|...|
    """

    dialect: Dialect = MESSAGES
    shape: ClassVar[Shape[str, str]] = PLAIN
    default_model: ClassVar[str] = _DEFAULT_MODEL
    default_max_tokens: ClassVar[int | None] = DEFAULT_MAX_TOKENS
