"""What every dialect of the simulator provides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from llmdash.simulator.answers import Completion, Question
from llmdash.simulator.chunks import estimate_tokens, split_chunks
from llmdash.simulator.compat import Compat
from llmdash.simulator.connection import Headers
from llmdash.simulator.limits import LimitsLeft

__all__ = [
    "THOUGHT",
    "Call",
    "Conventions",
    "Fault",
    "Frames",
    "Reply",
    "ServedDialect",
    "Throttled",
    "decode",
    "encode",
    "encode_each",
    "event",
    "prompt_tokens",
]

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def encode_each(texts: Sequence[str]) -> list[bytes]:
    """Return each of `texts` as JSON, which has no line breaks: one call instead of many."""
    return _encoder.encode_lines(texts).splitlines()


THOUGHT = split_chunks("They want an answer to this; first I look at what is asked, then I work it out.")
"""The reasoning of a model before its answer, in chunks."""


class Fault(Exception):
    """An error response. The text says what is wrong; `param` names the part of the request at fault.

    `code` is OpenAI's error code, where it is not the usual one of the status.
    """

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class Throttled(Fault):
    """Status 429: a request sent `seconds` later is admitted. `limit` is what ran out: requests or tokens."""

    def __init__(self, seconds: float, limit: str) -> None:
        self.seconds = math.ceil(seconds * 1000) / 1000
        self.limit = limit
        super().__init__(429, f"Rate limit reached for {limit}. Please try again in {self.seconds:.3f}s.")


def prompt_tokens(questions: tuple[Question, ...]) -> int:
    """Return the estimated tokens of the prompts: a quarter of their bytes, 4 a message and 3 a prompt."""
    total = 3 * len(questions)
    for question in questions:
        for _role, text in question.messages:
            total += 4 + estimate_tokens(text)
    return total


class Reply(msgspec.Struct, frozen=True):
    """The response to one request: a completion for each of its questions.

    `identity` is unique; `created` is in Unix seconds.
    """

    identity: str
    created: int
    questions: tuple[Question, ...]
    answers: tuple[Completion, ...]
    compat: Compat

    @property
    def model(self) -> str:
        return self.questions[0].model

    @property
    def input_tokens(self) -> int:
        return prompt_tokens(self.questions)

    @property
    def output_tokens(self) -> int:
        """The output tokens: each chunk counts as one."""
        return sum([len(answer.chunks) for answer in self.answers])

    def finish_reason(self, index: int = 0) -> str | None:
        """Return `stop` or `length`; None if the server is to leave it out."""
        return None if self.compat.no_finish else self.answers[index].finish_reason


class Frames(Protocol):
    """The server-sent events of one streamed reply."""

    @property
    def opening_share(self) -> float:
        """The share of the time to the first chunk after which `opening` is sent, 0 to 1."""
        ...

    def opening(self) -> bytes:
        """Return the events before the first chunk."""
        ...

    def chunks(self, index: int) -> list[bytes]:
        """Return the events of each chunk of answer `index`."""
        ...

    def end(self) -> bytes:
        """Return the events after the last chunk."""
        ...

    def error(self, fault: Fault, sent: int) -> bytes:
        """Return the events that replace the rest after `sent` chunks."""
        ...


class Call(Protocol):
    """A request, decoded."""

    @property
    def streamed(self) -> bool:
        """True if the request asks for a stream."""
        ...

    @property
    def names_stream_options(self) -> bool:
        """True if the request has `stream_options`."""
        ...

    def questions(self) -> tuple[Question, ...]:
        """Return the questions of the request, at least one."""

    def whole(self, reply: Reply) -> bytes:
        """Return the body of the response without streaming."""

    def frames(self, reply: Reply) -> Frames:
        """Return the streamed response."""


class Conventions(Protocol):
    """What the dialects of one provider have in common: keys, errors and headers."""

    identity_header: bytes

    def key(self, headers: Headers) -> str:
        """Return the key in the headers of a request; empty if there is none."""

    def unknown_key(self, key: str) -> Fault:
        """Return the 401 for an unknown key; `key` is empty if the request has none."""
        ...

    def failure(self, overloaded: bool) -> Fault:
        """Return the error of a request that fails by chance."""

    def error(self, fault: Fault, identity: str) -> bytes:
        """Return the body of an error."""

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        """Return the rate limit headers; `wall` is Unix time in seconds."""

    def rest(self, seconds: float) -> Headers:
        """Return the headers of a 429; seconds are rounded up, so that a request sent then is admitted."""


@dataclass(frozen=True, slots=True)
class ServedDialect:
    """A dialect as the simulator serves it: the provider's conventions, and how requests are read (raises
    Fault).
    """

    conventions: Conventions
    read: Callable[[bytes, Headers], Call]


def decode(decoder: msgspec.json.Decoder[Any], body: bytes, fields: tuple[str, ...]) -> Any:
    """Return the request in `body`. Raises Fault (400) on bad JSON and on a missing or wrong field.

    `fields` are the names to look for in the decoder's error message.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        message = str(fault)
        param = next((name for name in fields if name in message), None)
        raise Fault(400, f"Invalid request: {message}.", param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Fault(400, f"We could not parse the JSON body of your request: {fault}.") from None


def event(name: str, data: bytes) -> bytes:
    """Return a server-sent event with a name."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
