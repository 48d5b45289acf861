"""What every dialect of the simulator provides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.answers import Completion, Question
from llmdash.simulator.chunks import estimate_tokens
from llmdash.simulator.compat import Compat
from llmdash.simulator.connection import Headers
from llmdash.simulator.errors import ServedError
from llmdash.simulator.limits import LimitsLeft

__all__ = [
    "Call",
    "Conventions",
    "Frames",
    "Reply",
    "ServedDialect",
    "decode",
    "encode",
    "encode_each",
    "event",
    "laid_out",
    "prompt_tokens",
    "segments",
]

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
_UNCACHED = 3  # tokens behind the last breakpoint of a prompt that is kept in the cache
_PART_TOKENS = 85  # an image, a sound or a file of a prompt, whatever its size


def encode_each(texts: Sequence[str]) -> list[bytes]:
    """Return each of `texts` as JSON, which has no line breaks: one call instead of many."""
    return _encoder.encode_lines(texts).splitlines()


def prompt_tokens(questions: tuple[Question, ...]) -> int:
    """Return the estimated tokens of the prompts: a quarter of their bytes, 4 a message and 3 a prompt."""
    total = 3 * len(questions)
    for question in questions:
        total += _PART_TOKENS * question.parts
        for _role, text in question.messages:
            total += 4 + estimate_tokens(text)
    return total


class Spent(msgspec.Struct, frozen=True):
    """The tokens of a request: `input` includes those `cached` (read) and `written` to the cache.

    `total` is what the server says it is, where that is not input and output together.
    """

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    total: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """The response to one request: a completion for each of its questions.

    `identity` is unique; `created` is in Unix seconds; `cached` is the share of the prompts that was in the
    cache. `claimed` replaces the tokens that were really spent.
    """

    identity: str
    created: int
    questions: tuple[Question, ...]
    answers: tuple[Completion, ...]
    compat: Compat
    cached: float = 0.0
    claimed: Spent | None = None

    @property
    def model(self) -> str:
        return self.questions[0].model

    @property
    def input_tokens(self) -> int:
        return prompt_tokens(self.questions)

    @property
    def output_tokens(self) -> int:
        """The output tokens: each piece of an answer counts as one."""
        return sum([answer.size for answer in self.answers])

    @property
    def spent(self) -> Spent:
        """The tokens as the response reports them."""
        if self.claimed is not None:
            return self.claimed
        into = self.input_tokens
        reasoning = sum([len(answer.reasoning) for answer in self.answers])
        cached = int(into * self.cached)
        written = into - cached - _UNCACHED if self.questions[0].writes_cache else 0
        return Spent(into, self.output_tokens, cached, max(0, written), reasoning)

    def finish_reason(self, index: int = 0) -> str | None:
        """Return `stop`, `length` or `tool_calls`; None if the server is to leave it out."""
        return None if self.compat.no_finish else self.answers[index].finish_reason


class Segment(msgspec.Struct, frozen=True):
    """A part of an answer that a dialect sends as a block of its own: reasoning, text, or the call of a tool.

    `place` is its place among the segments.
    """

    place: int
    pieces: tuple[str, ...]
    kind: Literal["reasoning", "text", "call"]
    name: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def segments(answer: Completion) -> list[Segment]:
    """Return the segments of an answer: at least one, and its text even if it is empty and alone."""
    found = [Segment(0, answer.reasoning, "reasoning")] if answer.reasoning else []
    if answer.chunks or not (found or answer.calls):
        found.append(Segment(len(found), answer.chunks, "text"))
    for call in answer.calls:
        found.append(Segment(len(found), call.pieces, "call", call.name))
    return found


def laid_out(
    parts: Sequence[Segment],
    begin: Callable[[Segment], bytes],
    pieces: Callable[[Segment], list[bytes]],
    finish: Callable[[Segment], bytes],
) -> tuple[list[bytes], bytes]:
    """Return the events of each piece of `parts`, and those that come after the last.

    What begins a segment comes with its first piece, what finishes it with the next one's; what begins the
    first segment is left to the caller.
    """
    frames: list[bytes] = []
    waiting = b""
    for part in parts:
        if part.place > 0:
            waiting += begin(part)
        first, *others = pieces(part) or [b""]
        if part.pieces:
            frames += [waiting + first, *others]
            waiting = b""
        waiting += finish(part)
    return frames, waiting


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
        """Return the events of each piece of answer `index`: its reasoning, its text, its calls of tools."""
        ...

    def end(self) -> bytes:
        """Return the events after the last chunk."""
        ...

    def error(self, error: ServedError, sent: int) -> bytes:
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

    def unknown_key(self, key: str) -> ServedError:
        """Return the 401 for an unknown key; `key` is empty if the request has none."""
        ...

    def failure(self, overloaded: bool) -> ServedError:
        """Return the error of a request that fails by chance."""

    def error(self, error: ServedError, identity: str) -> bytes:
        """Return the body of an error."""

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        """Return the rate limit headers; `wall` is Unix time in seconds."""

    def rest(self, seconds: float) -> Headers:
        """Return the headers of a 429; seconds are rounded up, so that a request sent then is admitted."""


@dataclass(frozen=True, slots=True)
class ServedDialect:
    """A dialect as the simulator serves it: the provider's conventions, and how requests are read.

    `read` raises ServedError for what is no request; `strict` raises it for fields that the provider does not
    publish. `answers` is False where no model is asked, but for the count of tokens or for vectors.
    """

    name: str
    conventions: Conventions
    read: Callable[[bytes, Headers], Call]
    strict: Callable[[dict[str, Any]], None]
    answers: bool = True


def decode(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview, fields: tuple[str, ...]) -> Any:
    """Return the request in `body`. Raises ServedError (400) on bad JSON and on a missing or wrong field.

    `fields` are the names to look for in the decoder's error message.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message = str(error)
        param = next((name for name in fields if name in message), None)
        raise ServedError(400, f"Invalid request: {message}.", param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ServedError(400, f"We could not parse the JSON body of your request: {error}.") from None


def event(name: str, data: bytes) -> bytes:
    """Return a server-sent event with a name."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
