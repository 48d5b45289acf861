"""Reads what LangChain's models return, by its attributes: chunks to Deltas, exceptions to Failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.parsing import as_text
from llmdash.llms.wire.chat_message import MessageParts
from llmdash.llms.wire.failures import Failure, FailureKind, from_body, from_response
from llmdash.llms.wire.finish import TROUBLE, broken_off, flags_of, key_of, said_reason
from llmdash.llms.wire.usage import as_count, usage_of
from llmdash.secrets import Secret

__all__ = ["ChunkReader", "failure_of", "secrets_in"]

_REASONS = ("finish_reason", "stop_reason", "done_reason")
_PASSING = (
    "timeout",
    "connection",
    "connect",
    "network",
    "protocol",
    "disconnect",
    "readerror",
    "overloaded",
)
_MESSAGE_LIMIT = 300
_DEPTH = 5


class ChunkReader:
    """Converts the chunks of one answer into Deltas. Token counts in chunks add up, as in LangChain."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._texts: list[str] = []
        self._thought = False
        self._plain = False
        self._parts: MessageParts | None = None
        self._value: Any = None

    def read(self, chunk: Any, at: float) -> Delta:
        """Return the Delta of one chunk. A list or an object is kept for the end: the last one is whole.

        Raises Failure for what is neither these, nor text, nor a message.
        """
        if isinstance(chunk, str):
            self._plain = True
            self._texts.append(chunk)
            return Delta(chunk, at=at)
        content = getattr(chunk, "content", None)
        if content is None:
            content = getattr(chunk, "text", None)
        if isinstance(chunk, Mapping | list) or (content is None and hasattr(chunk, "model_dump")):
            adds = isinstance(chunk, Mapping) and hasattr(type(chunk), "__add__")
            self._value = chunk if self._value is None or not adds else self._value + chunk
            return Delta(at=at)
        if content is None:
            kind = type(chunk).__name__
            raise Failure(FailureKind.REQUEST, f"the Runnable returns a {kind}, but text is needed")
        self._note(chunk)
        self._note_calls(chunk)
        text, thought = _parts(content)
        more = getattr(chunk, "additional_kwargs", None)
        if isinstance(more, dict) and isinstance(more.get("reasoning_content"), str):
            thought += more["reasoning_content"]
        self._texts.append(text)
        self._thought = self._thought or bool(thought)
        return Delta(text, thought, at=at)

    def end(self, at: float) -> Delta:
        """Return the last Delta: a LangChain stream that ends without an exception is complete.

        Raises Failure where its finish reason says otherwise, or messages without one hold nothing.
        """
        reason = self._reason
        if reason is not None and key_of(reason) in TROUBLE:
            raise broken_off(reason)
        if self._value is not None:
            return Delta(as_text(self._value), "", reason, self._usage, at)
        text = "".join(self._texts)
        answered = bool(text) or self._parts is not None
        if not (answered or self._thought or reason or self._plain):
            billed = self._usage is not None
            raise Failure(FailureKind.TRANSIENT, "no answer: the Runnable gave nothing", may_be_billed=billed)
        flags = flags_of(reason, answered=answered, thought=self._thought)
        message = None if self._parts is None else self._parts.message(text)
        return Delta("", "", reason, self._usage, at, message=message, flags=flags)

    def _note(self, chunk: Any) -> None:
        usage = _usage_of(getattr(chunk, "usage_metadata", None))
        if usage is not None:
            self._usage = usage if self._usage is None else _sum(self._usage, usage)
        metadata = getattr(chunk, "response_metadata", None)
        if isinstance(metadata, dict):
            reasons = (said_reason(metadata.get(name), self._redact) for name in _REASONS)
            self._reason = next((reason for reason in reasons if reason), self._reason)

    def _note_calls(self, chunk: Any) -> None:
        """The tool calls of a message, or the pieces of them in a chunk of one."""
        calls = getattr(chunk, "tool_call_chunks", None) or getattr(chunk, "tool_calls", None)
        if not isinstance(calls, list) or not calls:
            return
        self._parts = self._parts or MessageParts()
        self._parts.add_calls([_as_call(call) for call in calls if isinstance(call, dict)])


def _as_call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call of LangChain as chat completions have it."""
    function = {"name": call.get("name"), "arguments": call.get("args")}
    return {"index": call.get("index"), "id": call.get("id"), "function": function}


def _usage_of(tokens: Any) -> Usage | None:
    """The counts of a message; those of a chunk may be 0 for what others have counted."""
    found = usage_of(tokens)
    return found if as_count(tokens, "output_tokens") is not None else None


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )


def _parts(content: Any) -> tuple[str, str]:
    """Text and reasoning of a content: a text, or a list of texts and parts."""
    if isinstance(content, str):
        return content, ""
    text: list[str] = []
    thought: list[str] = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, dict):
            text.append(_string(part.get("text")))
            thought.append(_string(part.get("thinking")) + _string(part.get("reasoning")))
    return "".join(text), "".join(thought)


def failure_of(error: Exception, redact: Callable[[str], str]) -> Failure:
    """Return the Failure for an exception: by the HTTP response it carries, else by its class.

    Reads `status_code`, `response` (`headers`, `content`) and `body`, as the providers' SDKs have them. What
    looks like a connection error is TRANSIENT, everything else a REQUEST that is refused.
    """
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    headers = _headers(response)
    body = getattr(error, "body", None)
    if isinstance(status, int):
        return from_response(status, headers, _bytes(body, error), redact=redact)
    if isinstance(body, Mapping) and body:
        return from_body(dict(body), headers, redact=redact)
    kind = FailureKind.TRANSIENT if _passes(error) else FailureKind.REQUEST
    text = " ".join(redact(str(error)).split())[:_MESSAGE_LIMIT]
    return Failure(kind, ": ".join(part for part in (type(error).__name__, text) if part))


def _passes(error: Exception) -> bool:
    if isinstance(error, OSError | TimeoutError):
        return True
    names = [kind.__name__.lower() for kind in type(error).__mro__]
    return any(word in name for name in names for word in _PASSING)


def _headers(response: Any) -> dict[str, str]:
    headers = getattr(response, "headers", None)
    pairs: Iterable[tuple[Any, Any]] = headers.items() if isinstance(headers, Mapping) else ()
    return {str(name).lower(): str(value) for name, value in pairs}


def _bytes(body: Any, error: Exception) -> bytes:
    """The body of an error as received, or the closest to it."""
    try:
        return json.dumps(body or {"message": str(error)}).encode()
    except (TypeError, ValueError, RecursionError):
        return str(error).encode("utf-8", "replace")


def secrets_in(runnable: Any) -> tuple[Secret, ...]:
    """Return the keys that a Runnable and its parts hold, so that no message shows them."""
    found: dict[str, Secret] = {}
    _search(runnable, _DEPTH, found)
    return tuple(found.values())


def _search(value: Any, depth: int, found: dict[str, Secret]) -> None:
    reveal = getattr(value, "get_secret_value", None)
    if callable(reveal):
        try:
            secret = Secret(str(reveal()).strip())
        except ValueError:
            return
        found[secret.reveal()] = secret
    elif depth:
        for inner in _inside(value):
            _search(inner, depth - 1, found)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    if isinstance(value, list | tuple):
        return value
    fields = getattr(type(value), "model_fields", None)
    return tuple(vars(value).values()) if fields and hasattr(value, "__dict__") else ()


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
