"""The response of OpenAI's Responses and its events: items of reasoning, of text, and calls of functions."""

from __future__ import annotations

import itertools
from typing import Any

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.dialects.base import Reply, Segment, encode, event, laid_out, segments
from llmdash.simulator.dialects.openai import code_of
from llmdash.simulator.errors import ServedError

__all__ = ["ResponseFrames", "ResponseWriter"]

# Settings that the simulator ignores, as the API returns them.
_DEFAULTS: dict[str, Any] = {
    "background": False,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_PREFIXES = {"text": "msg", "reasoning": "rs", "call": "fc"}
_CUT = {"length": "max_output_tokens"}
_WHOLE = ("stop", "tool_calls")


@dataclass(frozen=True, slots=True)
class ResponseWriter:
    """The response and its items at the stages of an answer."""

    reply: Reply
    instructions: str | None
    most: int | None

    def item_id(self, part: Segment) -> str:
        """Return the id of an item: that of its kind, and numbered from the second on."""
        return f"{_PREFIXES[part.kind]}_{self.reply.identity}{part.place or ''}"

    @property
    def cut(self) -> bool:
        """True if the answer is no whole one."""
        return self.reply.answers[0].finish_reason not in _WHOLE

    def part(self, text: str) -> dict[str, Any]:
        """Return a part of a message."""
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def summary(self, text: str) -> dict[str, Any]:
        """Return a part of the summary of a model's reasoning."""
        return {"type": "summary_text", "text": text}

    def item(self, part: Segment, status: str, text: str | None) -> dict[str, Any]:
        """Return an item with the text that it has so far; None before its first part."""
        begun: dict[str, Any] = {"id": self.item_id(part)}
        if part.kind == "reasoning":
            return {**begun, "type": "reasoning", "summary": [] if text is None else [self.summary(text)]}
        if part.kind == "call":
            call = {"call_id": f"call_{self.reply.identity}{part.place}", "name": part.name}
            return {**begun, "type": "function_call", "status": status, **call, "arguments": text or ""}
        content = [] if text is None else [self.part(text)]
        return {**begun, "type": "message", "status": status, "role": "assistant", "content": content}

    def whole_item(self, part: Segment) -> dict[str, Any]:
        """Return an item at its end."""
        return self.item(part, "incomplete" if self.cut else "completed", part.text)

    def response(self, **stage: Any) -> dict[str, Any]:
        """Return the response, with what `stage` says of it."""
        return {
            "id": f"resp_{self.reply.identity}",
            "object": "response",
            "created_at": self.reply.created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": self.instructions,
            "max_output_tokens": self.most,
            "model": self.reply.model,
            "output": [],
            **_DEFAULTS,
            "usage": None,
            **stage,
        }

    def finished(self) -> dict[str, Any]:
        """Return the response at its end."""
        reason = self.reply.answers[0].finish_reason
        status = None if self.reply.compat.no_finish else "incomplete" if self.cut else "completed"
        details = {"reason": _CUT.get(reason, reason)} if status == "incomplete" else None
        output = [self.whole_item(part) for part in segments(self.reply.answers[0])]
        return self.response(status=status, incomplete_details=details, output=output, usage=self._usage())

    def _usage(self) -> dict[str, Any] | None:
        if self.reply.compat.no_usage:
            return None
        spent = self.reply.spent
        return {
            "input_tokens": spent.input,
            "input_tokens_details": {"cached_tokens": spent.cached},
            "output_tokens": spent.output,
            "output_tokens_details": {"reasoning_tokens": spent.reasoning},
            "total_tokens": spent.total if spent.total is not None else spent.input + spent.output,
        }


class ResponseFrames:
    """The events of one streamed response, made in their order and numbered."""

    opening_share = 0.3
    """The response is announced well before its text begins."""

    def __init__(self, writer: ResponseWriter) -> None:
        self._writer = writer
        self._numbers = itertools.count()
        parts = segments(writer.reply.answers[0])
        begun = [
            self._event(f"response.{name}", response=writer.response()) for name in ("created", "in_progress")
        ]
        self._opening = b"".join(begun) + self._begin(parts[0])
        self._opened = next(self._numbers)
        self._numbers = itertools.count(self._opened)
        self._chunks, closing = laid_out(parts, self._begin, self._pieces, self._finish)
        terminal = "response.incomplete" if writer.cut else "response.completed"
        self._end = closing + self._event(terminal, response=writer.finished())

    def _event(self, kind: str, **fields: Any) -> bytes:
        return event(kind, encode({"type": kind, "sequence_number": next(self._numbers), **fields}))

    def _within(self, part: Segment) -> dict[str, Any]:
        """Where a part of an item is."""
        inner = {"text": {"content_index": 0}, "reasoning": {"summary_index": 0}, "call": {}}[part.kind]
        return {"item_id": self._writer.item_id(part), "output_index": part.place, **inner}

    def _begin(self, part: Segment) -> bytes:
        item = self._writer.item(part, "in_progress", None)
        added = self._event("response.output_item.added", output_index=part.place, item=item)
        return added + self._part_event(part, "added", "")

    def _part_event(self, part: Segment, stage: str, text: str) -> bytes:
        """The event that a part of an item was added or is done; a call has no parts."""
        place, writer = self._within(part), self._writer
        if part.kind == "text":
            return self._event(f"response.content_part.{stage}", **place, part=writer.part(text))
        if part.kind == "reasoning":
            kind = f"response.reasoning_summary_part.{stage}"
            return self._event(kind, **place, part=writer.summary(text))
        return b""

    def _pieces(self, part: Segment) -> list[bytes]:
        place = self._within(part)
        if part.kind == "text":
            return [
                self._event("response.output_text.delta", **place, delta=piece, logprobs=[])
                for piece in part.pieces
            ]
        kind = {"reasoning": "reasoning_summary_text", "call": "function_call_arguments"}[part.kind]
        return [self._event(f"response.{kind}.delta", **place, delta=piece) for piece in part.pieces]

    def _finish(self, part: Segment) -> bytes:
        place, text = self._within(part), part.text
        if part.kind == "text":
            said = self._event("response.output_text.done", **place, text=text, logprobs=[])
        elif part.kind == "reasoning":
            said = self._event("response.reasoning_summary_text.done", **place, text=text)
        else:
            arguments = {"name": part.name, "arguments": text}
            said = self._event("response.function_call_arguments.done", **place, **arguments)
        done = self._part_event(part, "done", text)
        item = self._writer.whole_item(part)
        return said + done + self._event("response.output_item.done", output_index=part.place, item=item)

    def opening(self) -> bytes:
        return self._opening

    def chunks(self, index: int) -> list[bytes]:
        return self._chunks

    def end(self) -> bytes:
        return self._end

    def error(self, error: ServedError, sent: int) -> bytes:
        """Return the error event; its number is the next one where there is one segment."""
        number = {"sequence_number": self._opened + sent}
        said = {"code": code_of(error) or "server_error", "message": str(error), "param": None}
        return event("error", encode({"type": "error", **number, **said}))
