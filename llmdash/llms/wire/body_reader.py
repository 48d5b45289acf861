"""What all dialects share in reading the body of a 200: bytes in, Deltas out; no I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.documents import (
    BLANK,
    MARK,
    as_json,
    is_lines,
    malformed,
    page_from_a_proxy,
    truncated,
)
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.finish import END, TROUBLE, broken_off, flags_of, key_of, said_reason
from llmdash.llms.wire.sse import LineTooLong, ServerSentEvent, SSEParser, is_end_mark
from llmdash.llms.wire.stated_errors import StatedErrors
from llmdash.llms.wire.surrogates import Halves, TooDeep, all_whole_pairs

__all__ = ["BodyReader"]

_NOTHING = Delta()

T = TypeVar("T")


class BodyReader(ABC):
    """Reads the body of a 200: the stream that was asked for, or one whole document in its place.

    The first byte decides which, not the content type. `finished` is True once the answer is complete, `done`
    once nothing can follow; content behind a finish reason makes the answer incomplete again, until the
    stream says that it is at its end. `heard` is True if the last piece held content; pings hold none. The
    last Delta bears finish reason, usage, flags and message; where an answer fails, the usage comes before
    the Failure. A dialect writes `_delta`, `_whole` and `_message`, and sets `_noted` where the answer says
    something about its text, as its sources.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        self.finished = False
        self.done = False
        self.heard = False
        self._redact = redact
        self._errors = StatedErrors(headers, redact)
        self._parser: SSEParser | None = None
        self._document = bytearray()
        self._texts: list[str] = []
        self._thought = False
        self._more = False
        self._noted = False
        self._reason: str | None = None
        self._reopened = False
        self._usage: Usage | None = None
        self._counted_at = 0
        self._torn = False
        self._text = Halves()
        self._reasoning = Halves()

    @abstractmethod
    def _delta(self, data: bytes, at: float) -> Delta | None:
        """The Delta of one event's data, with the finish reason as the server has it; None if it adds
        nothing. Raises Failure. May set `done`, and note usage and other content.
        """

    @abstractmethod
    def _whole(self, body: bytes, at: float) -> Delta:
        """The Delta of an answer that came as one document, as `_delta`."""

    @abstractmethod
    def _message(self) -> dict[str, Any]:
        """The answer as its format has it; asked for only where its text does not say all of it."""

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]:
        """Return the Deltas that `piece` completes; `at` is its monotonic time in seconds.

        Raises Failure, when it is iterated over, for what cannot be read, unless the answer was complete
        before.
        """
        self.heard = False
        if self.done or (self._parser is None and not self._begins(piece)):
            return iter(())
        assert self._parser is not None  # noqa: S101 - _begins() made it
        try:
            events = self._parser.feed(piece)
        except LineTooLong as error:
            return self._broken(malformed(str(error)), at)
        return self._read(events, at)

    def close(self, at: float, *, eof_ends: bool = False) -> Iterator[Delta]:
        """Yield the Deltas that the end of the body completes. Raises Failure if the answer is incomplete.

        With `eof_ends` a stream with content is complete when it just ends; it is flagged `eof`.
        """
        if self._document and not is_lines(self._document):
            yield from self._read_document(bytes(self._document), at)
            return
        if not self.done:
            yield from self._read(self._last_events(), at)
        if self.done:
            return
        if self.finished:
            yield from self._end(at)
        elif eof_ends and (self._thought or self._answered()):
            yield from self._end(at, eof=("eof",))
        else:
            yield from self._broken(truncated(), at)

    def _begins(self, piece: bytes) -> bool:
        """Whether the body is a stream of events. White space in front is a ping and decides nothing."""
        start = piece if self._document else piece.lstrip(BLANK)
        if self._document or start.startswith((b"{", b"[", b"<")):
            self._document += piece
            self.heard = True
            return False
        if start:
            self._parser = SSEParser()
        return bool(start)

    def _last_events(self) -> list[ServerSentEvent]:
        """The events that are complete because the stream is at its end."""
        parser = self._parser or SSEParser(len(self._document) + 1)
        return [*parser.feed(bytes(self._document)), *parser.close()]

    def _read(self, events: list[ServerSentEvent], at: float) -> Iterator[Delta]:
        for event, data in events:
            try:
                if event == b"error":
                    raise self._errors.named(data)
                delta = self._delta(data, at)
                if delta is not None:
                    if delta.text:
                        self.heard = True
                        self._texts.append(delta.text)
                        if self._reason is not None:
                            self._reopen()
                    elif delta.reasoning:
                        self.heard = self._thought = True
                        if self._reason is not None:
                            self._reopen()
                    if delta.finish_reason is None:
                        yield delta
                        continue
                    yield from self._finishing(delta)
            except Failure as failure:
                yield from self._broken(failure, at)
            if self.done:
                yield from self._end(at)
                return

    def _read_document(self, body: bytes, at: float) -> Iterator[Delta]:
        if (page := page_from_a_proxy(body, 200)) is not None:
            raise page
        try:
            delta = self._whole(body, at)
            self._note(delta.finish_reason)
        except Failure as failure:
            yield from self._broken(failure, at)
            return
        if delta.text:
            self._texts.append(delta.text)
        self._thought = bool(delta.reasoning)
        yield from self._end(at, delta)

    def _finishing(self, delta: Delta) -> Iterator[Delta]:
        """The content of a Delta that bears a finish reason, which is kept for the last one."""
        if delta.text or delta.reasoning:
            yield msgspec.structs.replace(delta, finish_reason=None)
        self._note(delta.finish_reason)

    def _note(self, said: Any) -> None:
        """Keep a finish reason. Raises Failure if it says that the answer failed."""
        reason = said_reason(said, self._redact)
        if reason is None:
            return
        key = key_of(reason)
        if key in TROUBLE:
            raise broken_off(reason)
        if key in END or not self.finished:
            self._reason = reason
        if key in END and not self._reopened:
            self.finished = True

    def _other_content(self) -> None:
        """Note that content came which is no text: a part of a tool call, of audio, of an image."""
        self.heard = self._more = True
        if self._reason is not None:
            self._reopen()

    def _reopen(self) -> None:
        """Content came behind a finish reason, so that a finish reason says no more where the end is."""
        self.finished = False
        self._reopened = True

    def _flags(self) -> tuple[str, ...]:
        """What is odd about the answer. Raises Failure if it is empty, and no answer."""
        answered = self._answered()
        if not (answered or self._thought or self._reason):
            raise self._nothing("the server sent no content and no finish reason")
        return flags_of(self._reason, answered=answered, thought=self._thought)

    def _nothing(self, why: str) -> Failure:
        """The Failure for an answer that has nothing in it, and no reason for that."""
        words = f"no answer: {why}"
        return Failure(FailureKind.TRANSIENT, words, status=200, may_be_billed=self._usage is not None)

    def _answered(self) -> bool:
        return bool(self._texts) or self._more

    def _end(self, at: float, whole: Delta = _NOTHING, *, eof: tuple[str, ...] = ()) -> Iterator[Delta]:
        """The last Delta. Raises Failure if there is nothing in the answer, and no reason for that."""
        self.done = True
        text, reasoning = whole.text, whole.reasoning
        if self._torn:
            text, reasoning = self._well_formed(text, reasoning, last=True)
            self._texts += [text] if text and not whole.text else []
        try:
            flags, message = self._flags() + eof, self._storable_message()
        except Failure as failure:
            self.finished = False
            yield from self._broken(failure, at)
            return
        self.finished = True
        yield Delta(text, reasoning, self._reason, self._usage, at, message=message, flags=flags)

    def _storable_message(self) -> dict[str, Any] | None:
        """The message, if there is need for one. Raises Failure."""
        try:
            needed = self._more or self._noted
            message: dict[str, Any] | None = all_whole_pairs(self._message()) if needed else None
        except TooDeep as error:
            raise malformed(str(error)) from None
        return message

    def _broken(self, failure: Failure, at: float) -> Iterator[Delta]:
        """Raises `failure`, behind the usage so far; what follows the end cannot spoil a complete answer.

        Counts from before most of the text came would hide what it cost.
        """
        if self.finished:
            return
        if self._usage is not None and len(self._texts) <= self._counted_at + 1:
            yield Delta(usage=self._usage, at=at)
        raise failure

    def _count(self, usage: Usage | None) -> None:
        """Keep the token counts, if there are any: they are totals, so that the last ones count."""
        if usage is not None:
            self._usage, self._counted_at = usage, len(self._texts)

    def _decoded(self, data: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
        """None for what is no JSON object, and so no content; the end mark sets `done`. Raises Failure for
        what is not the object expected; half a surrogate pair in it is accepted.
        """
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as strict:
            if not data.lstrip(BLANK).startswith(b"{"):
                if is_end_mark(data):
                    self.done = True
                else:
                    self._errors.refuse_aside(data)
                return None
            document = as_json(data.removeprefix(MARK))
            try:
                found: T = msgspec.convert(document, decoder.type)
            except (ValueError, RecursionError):
                self._errors.refuse(document)
                raise malformed(f"not the JSON expected ({strict})") from None
            self._torn = True  # the strict decoder refuses half a surrogate pair; this one does not
            return found

    def _well_formed(self, text: str, reasoning: str, *, last: bool) -> tuple[str, str]:
        """The texts with split surrogate pairs joined, if there were any."""
        if not self._torn:
            return text, reasoning
        return self._text.join(text, last=last), self._reasoning.join(reasoning, last=last)

    def _document_of(self, body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
        """What a whole document says. Raises Failure."""
        found = self._decoded(body, decoder)
        if found is None:
            raise self._nothing("no JSON object") if self.done else malformed("no JSON object")
        return found

    def _no_answer(self, body: bytes, why: str) -> Failure:
        """The Failure for a document without an answer: some servers send an error's inner part alone."""
        failure = self._errors.found_in(as_json(body))
        if failure is not None:
            return failure
        return malformed(why) if self._usage is None else self._nothing(why)
