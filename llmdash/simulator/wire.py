"""Chat completions on the wire: requests in, answers, chunks and errors out (OpenAI's shapes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Answer, Question
from llmdash.simulator.chunks import estimate_tokens

__all__ = [
    "DONE",
    "BadRequestError",
    "ChatRequest",
    "StreamFrames",
    "completion",
    "error",
    "model",
    "parse_chat",
]

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


class BadRequestError(Exception):
    """A request that cannot be served; the text says why, `param` names the part at fault."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None

    def flat(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


_Limit = Annotated[int, msgspec.Meta(ge=1)] | None


class ChatRequest(msgspec.Struct):
    """The fields of a chat completion request that the simulator heeds."""

    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: _Limit = None
    max_completion_tokens: _Limit = None

    @property
    def question(self) -> Question:
        messages = tuple((message.role, message.flat()) for message in self.messages)
        return Question(
            self.model, messages, self.max_completion_tokens or self.max_tokens, bool(self.stream)
        )

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


_decoder = msgspec.json.Decoder(ChatRequest)


def parse_chat(body: bytes) -> ChatRequest:
    """The request in `body`. Raises BadRequestError on bad JSON and on missing or wrong fields."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as fault:
        message = str(fault)
        param = next(
            (name for name in ("messages", "model", "stream", "max_tokens") if name in message), None
        )
        raise BadRequestError(f"Invalid request: {message}.", param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadRequestError(f"We could not parse the JSON body of your request: {fault}.") from None


def error(message: str, kind: str, code: str | None, param: str | None = None) -> bytes:
    """An error body."""
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def model(name: str) -> dict[str, Any]:
    """One entry of the model list."""
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "llmdash"}


def _usage(question: Question, answer: Answer) -> dict[str, int]:
    """Estimated tokens: a prompt costs a quarter of its bytes and 4 a message, an answer 1 a chunk."""
    into = sum(4 + estimate_tokens(text) for _role, text in question.messages) + 3
    out = len(answer.chunks)
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


def completion(identity: str, created: int, question: Question, answer: Answer) -> bytes:
    """A whole answer, as sent without `stream`."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _encode(
        {
            "id": identity,
            "object": "chat.completion",
            "created": created,
            "model": question.model,
            "choices": [choice],
            "usage": _usage(question, answer),
            "system_fingerprint": "fp_simulator",
        }
    )


@dataclass(frozen=True, slots=True)
class StreamFrames:
    """The server-sent events of one streamed answer."""

    identity: str
    created: int
    question: Question
    answer: Answer
    with_usage: bool

    def _head(self) -> bytes:
        """What every chunk of this answer begins with, up to its choices."""
        head = {
            "id": self.identity,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.question.model,
            "system_fingerprint": "fp_simulator",
        }
        return b"data: " + _encode(head)[:-1]

    def content(self) -> list[bytes]:
        """One frame a chunk; the one that names the role goes out together with the first."""
        tail = b'"usage":null}\n\n' if self.with_usage else b"}\n\n"
        comma = b"," if self.with_usage else b""
        before = self._head() + b',"choices":[{"index":0,"delta":'
        after = b',"logprobs":null,"finish_reason":null}]' + comma + tail
        role = before + b'{"role":"assistant","content":"","refusal":null}' + after
        frames = [before + b'{"content":' + _encode(chunk) + b"}" + after for chunk in self.answer.chunks]
        return [role + frames[0], *frames[1:]] if frames else [role]

    def end(self) -> bytes:
        """The finish reason, the usage if it was asked for, and the terminator."""
        reason = _encode(self.answer.finish_reason)
        null_usage = b',"usage":null' if self.with_usage else b""
        finish = (
            b',"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":'
            + reason
            + b"}]"
            + null_usage
        )
        frames = self._head() + finish + b"}\n\n"
        if self.with_usage:
            usage = _encode(_usage(self.question, self.answer))
            frames += self._head() + b',"choices":[],"usage":' + usage + b"}\n\n"
        return frames + DONE
