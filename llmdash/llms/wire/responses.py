"""OpenAI's Responses on the wire: bytes of a response body in, Deltas out; no I/O.

A stream is made of typed events; the response as a whole comes with the terminal one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.body_reader import BodyReader, as_count, whole_pairs
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["ResponsesReader"]

_TEXT = ("response.output_text.delta", "response.refusal.delta")
_THOUGHT = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_REASONS = {"max_output_tokens": "length"}


class _Content(msgspec.Struct, gc=False):
    text: Any = None
    refusal: Any = None


class _Item(msgspec.Struct, gc=False):
    type: Any = None
    content: Any = None


class _Response(msgspec.Struct, gc=False):
    """A response, as far as it is needed: in a terminal event, or the whole document."""

    status: str | None = None
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: Any = None
    response: _Response | None = None
    error: Any = None


_events = msgspec.json.Decoder(_Event)
_responses = msgspec.json.Decoder(_Response)


class ResponsesReader(BodyReader):
    """Reads responses. The finish reason is `stop` for a completed one, `length` where the token limit cut
    it, else the server's own reason.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        super().__init__(headers, redact)
        self._texts_came = False

    def _delta(self, data: bytes, at: float) -> Delta | None:
        event = self._decoded(data, _events)
        kind = event.type
        if kind in _TEXT:
            self._texts_came = True
            text, _ = self._well_formed(_string(event.delta), "", last=False)
            return Delta(text, at=at)
        if kind in _THOUGHT:
            _, thought = self._well_formed("", _string(event.delta), last=False)
            return Delta(reasoning=thought, at=at)
        if kind in _TERMINAL:
            self.done = True
            return self._end_of(event.response or _Response(), _TERMINAL[kind], at)
        if kind == "error" or event.error:
            raise self._named_error(data)
        if kind is not None and kind.endswith(".delta"):
            self.heard = True  # arguments of a tool call and the like: no text, but not a stall either
        return None

    def _whole(self, body: bytes, at: float) -> Delta:
        response = self._decoded(body, _responses)
        if response.error:
            raise self._error(response.error)
        if not isinstance(response.output, list):
            raise self._no_answer(body, "no output in it")
        return self._end_of(response, response.status or "completed", at)

    def _end_of(self, response: _Response, status: str, at: float) -> Delta:
        """The last Delta, with all the text if none came before. Raises Failure unless the response is
        complete.
        """
        if response.error or status == "failed":
            raise self._error(response.error or "the response failed")
        if status not in ("completed", "incomplete"):
            why = f"the response was given up: {whole_pairs(status[:50])}"
            raise Failure(FailureKind.TRANSIENT, why, status=200)
        text = "" if self._texts_came else _output_text(response.output)
        text, thought = self._well_formed(text, "", last=True)
        return Delta(text, thought, _reason(response, status), _usage(response.usage), at)


def _reason(response: _Response, status: str) -> str:
    if status == "completed":
        return "stop"
    details = response.incomplete_details
    reason = _string(details.get("reason")) if isinstance(details, dict) else ""
    return _REASONS.get(reason, reason) or "incomplete"


def _output_text(output: Any) -> str:
    """The text of all messages among the items of an output; their refusals where there is no text."""
    items = output if isinstance(output, list) else []
    parts = (
        part
        for item in items
        if isinstance(item, dict) and isinstance(item.get("content"), list) and item.get("type") == "message"
        for part in item["content"]
        if isinstance(part, dict)
    )
    return "".join(_string(part.get("text")) or _string(part.get("refusal")) for part in parts)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(tokens: Any) -> Usage | None:
    said = as_count(tokens, "output_tokens")
    return None if said is None else Usage(as_count(tokens, "input_tokens") or 0, said)
