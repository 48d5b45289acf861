"""Anthropic's messages: `POST /v1/messages`, and the count of their tokens at `/v1/messages/count_tokens`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from llmdash.simulator.answers import Question, Tool
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.base import Frames, Reply, ServedDialect, decode, encode
from llmdash.simulator.dialects.message_events import MessageFrames, whole_message
from llmdash.simulator.dialects.openai import callable_tools, schema_of, tool_of
from llmdash.simulator.errors import ServedError
from llmdash.simulator.strictness import strict_count, strict_messages

__all__ = ["COUNT", "MESSAGES"]

_FIELDS = ("max_tokens", "messages", "system", "model", "stream")
_ATTACHED = ("image", "document")


class _Part(msgspec.Struct):
    type: str
    text: str = ""
    cache_control: dict[str, Any] | None = None


def _flat(content: str | list[_Part]) -> str:
    return content if isinstance(content, str) else "".join([part.text for part in content])


class _Message(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: str | list[_Part]

    @property
    def writes_cache(self) -> bool:
        """True if a part is the end of what is to be kept in the cache."""
        return not isinstance(self.content, str) and any(part.cache_control for part in self.content)

    def holds(self, kinds: tuple[str, ...]) -> int:
        """Return how many parts of these types there are."""
        return 0 if isinstance(self.content, str) else sum([part.type in kinds for part in self.content])


class _Prompted(msgspec.Struct, kw_only=True):
    """What a message and a count of tokens have in common."""

    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    system: str | list[_Part] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None

    @property
    def streamed(self) -> bool:
        return False

    @property
    def names_stream_options(self) -> bool:
        return False

    @property
    def most(self) -> int | None:
        """The tokens after which an answer is cut."""
        return None

    def questions(self) -> tuple[Question, ...]:
        before = [("system", _flat(self.system))] if self.system else []
        said = [(message.role, _flat(message.content)) for message in self.messages]
        form = self.output_format or (self.output_config or {}).get("format")
        return (
            Question(
                self.model,
                (*before, *said),
                self.most,
                self.streamed,
                self._tools() if self.tools else (),
                schema_of(form if isinstance(form, dict) else None),
                sum([message.holds(_ATTACHED) for message in self.messages]),
                bool(self.cache_control) or any(message.writes_cache for message in self._all_messages()),
            ),
        )

    def _all_messages(self) -> list[_Message]:
        """The messages, and the system's as one of them."""
        return [*self.messages, _Message("user", self.system or "")]

    def _tools(self) -> tuple[Tool, ...]:
        found = [tool_of(tool, "input_schema") for tool in self.tools or ()]
        results = [message.holds(("tool_result",)) > 0 for message in self.messages]
        kind = (self.tool_choice or {}).get("type")
        choice = self.tool_choice if kind == "tool" else kind
        return callable_tools([tool for tool in found if tool is not None], choice, any(results), results[-1])


class _MessagesRequest(_Prompted, kw_only=True):
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    stream: bool | None = False

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def most(self) -> int | None:
        return self.max_tokens

    def whole(self, reply: Reply) -> bytes:
        return whole_message(reply)

    def frames(self, reply: Reply) -> Frames:
        return MessageFrames(reply)


class _CountRequest(_Prompted, kw_only=True):
    def whole(self, reply: Reply) -> bytes:
        return encode({"input_tokens": reply.input_tokens})

    def frames(self, reply: Reply) -> Frames:
        raise NotImplementedError("a count is not streamed")


_messages = msgspec.json.Decoder(_MessagesRequest)
_counts = msgspec.json.Decoder(_CountRequest)


def _need_version(headers: Headers) -> None:
    if not any(name == b"anthropic-version" and value for name, value in headers):
        raise ServedError(400, "anthropic-version: header is required")


def _read(body: bytes, headers: Headers) -> _MessagesRequest:
    _need_version(headers)
    request: _MessagesRequest = decode(_messages, body, _FIELDS)
    return request


def _read_count(body: bytes, headers: Headers) -> _CountRequest:
    _need_version(headers)
    request: _CountRequest = decode(_counts, body, _FIELDS)
    return request


MESSAGES = ServedDialect("messages", AnthropicConventions(), _read, strict_messages)
"""Anthropic's messages."""

COUNT = ServedDialect("count_tokens", AnthropicConventions(), _read_count, strict_count, answers=False)
"""The count of the tokens of a message."""
