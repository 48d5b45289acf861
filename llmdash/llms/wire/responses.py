"""OpenAI's Responses on the wire: bytes of a response body in, Deltas out; no I/O.

A stream is made of typed events; the response as a whole comes with the terminal one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.llms.messages import Delta
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.documents import as_json
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.surrogates import whole_pairs
from llmdash.llms.wire.usage import usage_of

__all__ = ["ResponsesReader"]

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_THOUGHT = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_ENDED = ("completed", "incomplete")
_ITEM_DONE = "response.output_item.done"
_REASONS = {"max_output_tokens": "length"}
_SHOWN = 50
_PLAIN_PARTS = ("output_text", "text", "refusal")


class _Response(msgspec.Struct, gc=False):
    """A response, as far as it is needed: in a terminal event, or the whole document."""

    status: Any = None
    output: Any = None
    output_text: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: Any = None
    response: _Response | None = None
    item: Any = None
    error: Any = None


_events = msgspec.json.Decoder(_Event)
_responses = msgspec.json.Decoder(_Response)


class ResponsesReader(BodyReader):
    """Reads responses. The finish reason is `stop` for a completed one, `length` where the token limit cut
    it, else the server's own reason.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        super().__init__(headers, redact)
        self._items: list[Any] = []

    def _delta(self, data: bytes, at: float) -> Delta | None:
        event = self._decoded(data, _events)
        if event is None:
            return None
        kind = event.type
        if kind in _TEXT:
            if event.delta.__class__ is str and not self._torn:
                return Delta(event.delta, "", None, None, at)
            text, _ = self._well_formed(_string(event.delta), "", last=False)
            return Delta(text, at=at)
        if kind in _THOUGHT:
            _, thought = self._well_formed("", _string(event.delta), last=False)
            return Delta(reasoning=thought, at=at)
        if kind in _TERMINAL:
            self.done = True
            return self._end_of(event.response or _Response(), _TERMINAL[kind], at)
        if kind == "error" or event.error:
            raise self._errors.named(data)
        if kind is None or not kind.startswith("response."):
            self._errors.refuse(as_json(data))
        if kind == _ITEM_DONE:
            self._items.append(event.item)
        elif kind is not None and kind.endswith(".delta"):
            self.heard = True  # arguments of a tool call and the like: no text, but not a stall either
        return None

    def _whole(self, body: bytes, at: float) -> Delta:
        response = self._document_of(body, _responses)
        if response.error:
            raise self._errors.failure(response.error)
        has_output = isinstance(response.output, list) or isinstance(response.output_text, str)
        if not has_output and response.status not in _ENDED:
            self._count(usage_of(response.usage))
            raise self._no_answer(body, "no output in it")
        return self._end_of(response, None, at)

    def _message(self) -> dict[str, Any]:
        return {"output": self._items}

    def _end_of(self, response: _Response, told: str | None, at: float) -> Delta:
        """The Delta of the end, with all the text if none came before. Raises Failure for a response that
        failed; `told` is the status by the event's name.
        """
        self._count(usage_of(response.usage))
        status = _string(response.status).lower()
        if told is not None and (told != "completed" or status not in ("incomplete", "failed", "cancelled")):
            status = told
        if response.error or status == "failed":
            raise self._errors.failure(response.error or "the response failed")
        if status not in ("completed", "incomplete", ""):
            why = f"the response was given up: {whole_pairs(status[:_SHOWN])}"
            raise Failure(FailureKind.TRANSIENT, why, status=200)
        if isinstance(response.output, list) and response.output:
            self._items = response.output
        self._more = any(map(_is_more_than_text, self._items))
        parts = (part for item in self._items for part in _parts_of(item))
        self._noted = any(part.get("annotations") or part.get("logprobs") for part in parts)
        text = "" if self._texts else _output_text(self._items) or _string(response.output_text)
        thought = "" if self._thought else _reasoning_text(self._items)
        return Delta(text, thought, _reason(response, status), None, at)


def _reason(response: _Response, status: str) -> str | None:
    if status == "completed":
        return "stop"
    details = response.incomplete_details
    reason = _string(details.get("reason")) if isinstance(details, dict) else ""
    return _REASONS.get(reason, reason) or status or None


def _parts_of(item: Any, name: str = "content") -> list[dict[str, Any]]:
    parts = item.get(name) if isinstance(item, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _is_more_than_text(item: Any) -> bool:
    """Whether an item of an output is neither text nor reasoning: a tool call, an image."""
    if not isinstance(item, dict):
        return False
    if item.get("type") == "message":
        return any(part.get("type") not in (None, *_PLAIN_PARTS) for part in _parts_of(item))
    return item.get("type") not in (None, "reasoning")


def _output_text(items: list[Any]) -> str:
    """The text of all messages among the items of an output; their refusals where there is no text."""
    parts = (
        part
        for item in items
        if isinstance(item, dict) and item.get("type") == "message"
        for part in _parts_of(item)
    )
    return "".join(_string(part.get("text")) or _string(part.get("refusal")) for part in parts)


def _reasoning_text(items: list[Any]) -> str:
    """The reasoning among the items of an output, or its summary."""
    thoughts = [item for item in items if isinstance(item, dict) and item.get("type") == "reasoning"]
    parts = (part for item in thoughts for part in _parts_of(item) or _parts_of(item, "summary"))
    return "".join(_string(part.get("text")) for part in parts)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
