"""Reads what LangChain's models return, by its attributes: chunks to Deltas, exceptions to Failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.body_reader import as_count
from llmdash.llms.wire.failures import Failure, FailureKind, from_body, from_response
from llmdash.secrets import Secret

__all__ = ["ChunkReader", "failure_of", "secrets_in"]

_REASONS = ("finish_reason", "stop_reason", "done_reason")
_REASON_LIMIT = 100
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

    def __init__(self) -> None:
        self._asked = 0
        self._said = 0
        self._counted = False
        self._reason = ""

    def read(self, chunk: Any, at: float) -> Delta:
        """Return the Delta of one chunk. Raises Failure if it is neither text nor a message."""
        if isinstance(chunk, str):
            return Delta(chunk, at=at)
        content = getattr(chunk, "content", None)
        if content is None:
            content = getattr(chunk, "text", None)
        if content is None or isinstance(chunk, Mapping):
            kind = type(chunk).__name__
            raise Failure(FailureKind.REQUEST, f"the Runnable returns a {kind}, but text is needed")
        self._note(chunk)
        text, thought = _parts(content)
        more = getattr(chunk, "additional_kwargs", None)
        if isinstance(more, dict) and isinstance(more.get("reasoning_content"), str):
            thought += more["reasoning_content"]
        return Delta(text, thought, at=at)

    def end(self, at: float) -> Delta:
        """Return the last Delta: a LangChain stream that ends without an exception is complete."""
        usage = Usage(self._asked, self._said) if self._counted else None
        return Delta(finish_reason=self._reason or "stop", usage=usage, at=at)

    def _note(self, chunk: Any) -> None:
        usage = getattr(chunk, "usage_metadata", None)
        said = as_count(usage, "output_tokens")
        if said is not None:
            self._counted = True
            self._asked += as_count(usage, "input_tokens") or 0
            self._said += said
        metadata = getattr(chunk, "response_metadata", None)
        if isinstance(metadata, dict):
            reasons = (metadata.get(name) for name in _REASONS)
            found = next((reason for reason in reasons if isinstance(reason, str) and reason), "")
            self._reason = found[:_REASON_LIMIT] or self._reason


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
