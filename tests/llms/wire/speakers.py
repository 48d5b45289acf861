"""The same answer in every dialect: pieces, ends and documents with any finish reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.messages import Delta
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.wire.anthropic import MessageReader
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.chat import ChatReader, CompletionReader
from llmdash.llms.wire.failures import Failure
from llmdash.llms.wire.responses import ResponsesReader
from tests.llms.canned import DONE, chunk, event
from tests.llms.wire.wires import (
    MESSAGE_START,
    MESSAGE_STOP,
    completion,
    message,
    message_end,
    response,
    said,
    text_delta,
    typed,
)

COUNTS = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


class Speaker(NamedTuple):
    """A dialect: `piece` says a text, `end` a finish reason, `last` that the stream is at its end."""

    reader: type[BodyReader]
    model: Callable[..., Any]
    start: bytes
    piece: Callable[[str], bytes]
    end: Callable[[Any], bytes]
    last: bytes
    document: Callable[[str, Any], bytes]

    def stream(self, *texts: str, reason: Any) -> bytes:
        """A whole stream."""
        return self.start + b"".join(map(self.piece, texts)) + self.end(reason) + self.last


def _chat_document(text: str, reason: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return json.dumps({"choices": [choice], "usage": COUNTS}).encode()


def _completion_document(text: str, reason: Any) -> bytes:
    return json.dumps(
        {"choices": [{"index": 0, "text": text, "finish_reason": reason}], "usage": COUNTS}
    ).encode()


def _message_document(text: str, reason: Any) -> bytes:
    content = [{"type": "text", "text": text}] if text else []
    return json.dumps({**message(reason), "content": content}).encode()


def _end(reason: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


SPEAKERS = {
    "chat": Speaker(ChatReader, ChatOpenAI, b"", chunk, _end, DONE, _chat_document),
    "completions": Speaker(
        CompletionReader,
        OpenAI,
        b"",
        completion,
        lambda reason: completion("", reason),
        DONE,
        _completion_document,
    ),
    "messages": Speaker(
        MessageReader, ChatAnthropic, MESSAGE_START, text_delta, message_end, MESSAGE_STOP, _message_document
    ),
}
"""The dialects whose finish reasons are words of the server; Responses have a status."""

READERS: dict[str, type[BodyReader]] = {
    **{name: speaker.reader for name, speaker in SPEAKERS.items()},
    "responses": ResponsesReader,
}


def responses_end(status: str = "completed", **more: Any) -> bytes:
    """The terminal event of a response, without its text."""
    return typed(f"response.{status}", response=response(status, **{"output": [], **more}))


class Read(NamedTuple):
    """What came of a body: its Deltas, and the Failure if there was one."""

    deltas: list[Delta]
    failure: Failure | None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def last(self) -> Delta:
        assert self.failure is None, self.failure
        return self.deltas[-1]


def read(reader: BodyReader, *pieces: bytes, eof_ends: bool = False) -> Read:
    """Read a body to its end."""
    deltas: list[Delta] = []
    try:
        for piece in pieces:
            deltas.extend(reader.feed(piece, 1.0))
        deltas.extend(reader.close(2.0, eof_ends=eof_ends))
    except Failure as failure:
        return Read(deltas, failure)
    return Read(deltas, None)


__all__ = ["COUNTS", "READERS", "SPEAKERS", "Read", "Speaker", "read", "responses_end", "said"]
