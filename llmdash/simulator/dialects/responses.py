"""OpenAI's Responses: `POST /v1/responses`, streamed as typed events with sequence numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Fault, Reply, ServedDialect, decode, encode, event
from llmdash.simulator.dialects.openai import Limit, OpenAIConventions, OpenMessage, code_of

__all__ = ["RESPONSES"]

_FIELDS = ("input", "instructions", "model", "stream", "max_output_tokens")
_OPENING_EVENTS = 4
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


class _ResponsesRequest(msgspec.Struct):
    """Items of the input that are not messages count as empty ones."""

    model: str
    input: str | Annotated[list[OpenMessage], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    stream: bool | None = False
    max_output_tokens: Limit = None
    previous_response_id: str | None = None
    stream_options: msgspec.Raw | None = None

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    @property
    def names_stream_options(self) -> bool:
        return self.stream_options is not None

    def questions(self) -> tuple[Question, ...]:
        before = [("system", self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            said = [("user", self.input)]
        else:
            said = [(message.role, message.flat()) for message in self.input]
        return (Question(self.model, (*before, *said), self.max_output_tokens, self.streamed),)

    def whole(self, reply: Reply) -> bytes:
        return encode(_Writer(reply, self).finished())

    def frames(self, reply: Reply) -> _ResponseFrames:
        return _ResponseFrames(_Writer(reply, self))


@dataclass(frozen=True, slots=True)
class _Writer:
    """The response and its parts at the stages of an answer."""

    reply: Reply
    request: _ResponsesRequest

    @property
    def item_id(self) -> str:
        return f"msg_{self.reply.identity}"

    @property
    def cut(self) -> bool:
        return self.reply.answers[0].finish_reason == "length"

    def part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def item(self, status: str, content: list[Any]) -> dict[str, Any]:
        return {
            "id": self.item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def whole_item(self) -> dict[str, Any]:
        return self.item("incomplete" if self.cut else "completed", [self.part(self.reply.answers[0].text)])

    def response(self, **stage: Any) -> dict[str, Any]:
        return {
            "id": f"resp_{self.reply.identity}",
            "object": "response",
            "created_at": self.reply.created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "instructions": self.request.instructions,
            "max_output_tokens": self.request.max_output_tokens,
            "model": self.reply.model,
            "output": [],
            **_DEFAULTS,
            "usage": None,
            **stage,
        }

    def finished(self) -> dict[str, Any]:
        status = None if self.reply.compat.no_finish else "incomplete" if self.cut else "completed"
        details = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return self.response(
            status=status, incomplete_details=details, output=[self.whole_item()], usage=self._usage()
        )

    def _usage(self) -> dict[str, Any] | None:
        if self.reply.compat.no_usage:
            return None
        into, out = self.reply.input_tokens, self.reply.output_tokens
        return {
            "input_tokens": into,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": into + out,
        }


def _event(kind: str, number: int, **fields: Any) -> bytes:
    return event(kind, encode({"type": kind, "sequence_number": number, **fields}))


@dataclass(frozen=True, slots=True)
class _ResponseFrames:
    """The events of one streamed response."""

    writer: _Writer

    @property
    def opening_share(self) -> float:
        """The response is announced well before its text begins."""
        return 0.3

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self.writer.item_id, "output_index": 0, "content_index": 0}

    def opening(self) -> bytes:
        writer = self.writer
        response = writer.response()
        return b"".join(
            [
                _event("response.created", 0, response=response),
                _event("response.in_progress", 1, response=response),
                _event("response.output_item.added", 2, output_index=0, item=writer.item("in_progress", [])),
                _event("response.content_part.added", 3, **self._place, part=writer.part("")),
            ]
        )

    def chunks(self, index: int) -> list[bytes]:
        place = self._place
        return [
            _event("response.output_text.delta", number, **place, delta=chunk, logprobs=[])
            for number, chunk in enumerate(self.writer.reply.answers[index].chunks, _OPENING_EVENTS)
        ]

    def end(self) -> bytes:
        writer, text = self.writer, self.writer.reply.answers[0].text
        number = _OPENING_EVENTS + len(writer.reply.answers[0].chunks)
        terminal = "response.incomplete" if writer.cut else "response.completed"
        return b"".join(
            [
                _event("response.output_text.done", number, **self._place, text=text, logprobs=[]),
                _event("response.content_part.done", number + 1, **self._place, part=writer.part(text)),
                _event("response.output_item.done", number + 2, output_index=0, item=writer.whole_item()),
                _event(terminal, number + 3, response=writer.finished()),
            ]
        )

    def error(self, fault: Fault, sent: int) -> bytes:
        return _event(
            "error",
            _OPENING_EVENTS + sent,
            code=code_of(fault) or "server_error",
            message=str(fault),
            param=None,
        )


_decoder = msgspec.json.Decoder(_ResponsesRequest)


def _read(body: bytes, headers: Headers) -> _ResponsesRequest:
    request: _ResponsesRequest = decode(_decoder, body, _FIELDS)
    if request.previous_response_id is not None:
        # True of every id: nothing is stored.
        text = f"Previous response with id '{request.previous_response_id[:100]}' not found."
        raise Fault(400, text, "previous_response_id", "previous_response_not_found")
    return request


RESPONSES = ServedDialect(OpenAIConventions(), _read)
"""OpenAI's Responses."""
