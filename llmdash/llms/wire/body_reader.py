"""What all dialects share in reading the body of a 200: bytes in, Deltas out; no I/O."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import Failure, FailureKind, from_body
from llmdash.llms.wire.sse import LineTooLong, SSEParser

__all__ = ["BodyReader", "as_count", "as_json", "malformed", "whole_pairs"]

_BLANK = b" \t\r\n\xef\xbb\xbf"  # what may come before an answer: white space, a byte order mark
_MARK = b"\xef\xbb\xbf"
_MOST_TOKENS = 2**53

T = TypeVar("T")


class BodyReader(ABC):
    """Reads the body of a 200: the stream that was asked for, or one whole document in its place.

    The first byte decides which, not the content type. `finished` is True once the answer is complete, `done`
    once nothing can follow. `heard` is True if the last piece held content; pings hold none. A dialect writes
    `_delta` and `_whole`.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        self.finished = False
        self.done = False
        self.heard = False
        self._headers = headers
        self._redact = redact
        self._parser: SSEParser | None = None
        self._document = bytearray()
        self._spoke = False
        self._torn = False
        self._text = _Halves()
        self._reasoning = _Halves()

    @abstractmethod
    def _delta(self, data: bytes, at: float) -> Delta | None:
        """The Delta of one event's data, None if it adds nothing. Raises Failure. May set `done`."""

    @abstractmethod
    def _whole(self, body: bytes, at: float) -> Delta:
        """The Delta of an answer that came as one document, with a finish reason. Raises Failure."""

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]:
        """Yield the Deltas that `piece` completes; `at` is its monotonic time in seconds.

        Raises Failure for what cannot be read, unless the answer was complete before.
        """
        self.heard = False
        if self._parser is None and not self._begins(piece):
            return
        assert self._parser is not None  # noqa: S101 - _begins() made it
        try:
            for event, data in self._parser.feed(piece):
                if data == b"[DONE]":
                    self.done = True
                    yield from self._end(at)
                    return
                if event == b"error":
                    raise self._named_error(data)
                delta = self._delta(data, at)
                if delta is None:
                    continue
                if delta.finish_reason is not None:
                    delta = self._last_one(delta)
                if delta.text or delta.reasoning:
                    self.heard = self._spoke = True
                yield delta
        except LineTooLong as error:
            if not self.finished:
                raise malformed(str(error)) from None
        except Failure:
            if not self.finished:
                raise  # what follows the end cannot spoil a complete answer

    def close(self, at: float, *, eof_ends: bool = False) -> Iterator[Delta]:
        """Yield the Deltas that the end of the body completes. Raises Failure if the answer is incomplete.

        With `eof_ends` a stream with content is complete when it just ends; the finish reason is `eof`.
        """
        if self._document:
            body = bytes(self._document)
            if body.lstrip(_BLANK).startswith(b"<"):
                raise Failure(
                    FailureKind.TRANSIENT, "the server sent an HTML page, as a proxy does", status=200
                )
            yield self._last_one(self._whole(body, at))
        elif not self.finished:
            if not (eof_ends and self._spoke):
                raise Failure(
                    FailureKind.TRANSIENT, "truncated: the stream ended without a finish reason", status=200
                )
            self.finished = True
            yield Delta(finish_reason="eof", at=at)

    def _begins(self, piece: bytes) -> bool:
        """Whether the body is a stream of events. White space in front is a ping and decides nothing."""
        start = piece if self._document else piece.lstrip(_BLANK)
        if self._document or start.startswith((b"{", b"[", b"<")):
            self._document += piece
            self.heard = True
            return False
        if start:
            self._parser = SSEParser()
        return bool(start)

    def _end(self, at: float) -> Iterator[Delta]:
        if not self.finished:
            self.finished = True
            yield Delta(finish_reason="stop", at=at)

    def _last_one(self, delta: Delta) -> Delta:
        """The Delta that completes the answer."""
        self.finished = True
        if not self._torn or delta.finish_reason is None:
            return delta
        return msgspec.structs.replace(delta, finish_reason=whole_pairs(delta.finish_reason))

    def _decoded(self, data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
        """Raises Failure for what is not the JSON expected; half a surrogate pair in it is accepted."""
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as strict:
            try:
                found: T = msgspec.convert(json.loads(data.removeprefix(_MARK)), decoder.type)
            except (ValueError, RecursionError):
                raise malformed(f"not the JSON expected ({strict})") from None
            self._torn = True  # the strict decoder refuses half a surrogate pair; this one does not
            return found

    def _well_formed(self, text: str, reasoning: str, *, last: bool) -> tuple[str, str]:
        """The texts with split surrogate pairs joined, if there were any."""
        if not self._torn:
            return text, reasoning
        return self._text.join(text, last=last), self._reasoning.join(reasoning, last=last)

    def _error(self, error: Any) -> Failure:
        """The Failure for an error inside a 200."""
        return from_body(error, self._headers, redact=self._redact)

    def _no_answer(self, body: bytes, why: str) -> Failure:
        """The Failure for a document without an answer: some servers send an error's inner part alone."""
        found = as_json(body)
        if isinstance(found, dict) and ("message" in found or "detail" in found):
            return self._error(found)
        return malformed(why)

    def _named_error(self, data: bytes) -> Failure:
        """The Failure for an event named `error`: an error as usual, its inner part alone, or text."""
        found = as_json(data)
        if isinstance(found, dict):
            found = found.get("error") or found
        return self._error(found or data.decode("utf-8", "replace"))


class _Halves:
    """Joins the halves of surrogate pairs (an emoji that the server cut in two) across chunks."""

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = ""

    def join(self, text: str, *, last: bool) -> str:
        """Return `text` after what was held back; a high half at its end is held back in turn, unless this is
        the last text. A half without its other becomes the replacement character.
        """
        text = self._high + text
        self._high = text[-1] if not last and text and "\ud800" <= text[-1] <= "\udbff" else ""
        if self._high:
            text = text[:-1]
        return whole_pairs(text)


def whole_pairs(text: str) -> str:
    """Return `text` with halves of surrogate pairs joined, or replaced where the other half is missing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_json(data: bytes) -> Any:
    """Return the JSON document, None if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def malformed(why: str) -> Failure:
    """Return the Failure for an answer that breaks its format."""
    return Failure(FailureKind.TRANSIENT, f"malformed answer: {why}", status=200)


def as_count(tokens: Any, name: str) -> int | None:
    """Return the count `name` in `tokens`, None unless it is a plausible number."""
    count = tokens.get(name) if isinstance(tokens, dict) else None
    return count if type(count) is int and 0 <= count < _MOST_TOKENS else None
