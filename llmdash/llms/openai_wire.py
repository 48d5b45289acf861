"""What chat completions look like on the wire: bytes of an answer in, Deltas out, without input or output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from llmdash.llms.failures import Failure, FailureKind, from_body
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.sse import LineTooLong, SSEParser

__all__ = ["ChatReader"]

_BLANK = b" \t\r\n\xef\xbb\xbf"  # what may stand before an answer begins: white space, a byte order mark
_MARK = b"\xef\xbb\xbf"
_MOST_TOKENS = 2**53


class _Part(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: _Part | None = None
    message: _Part | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream or a whole answer, as far as it is needed."""

    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ChatReader:
    """Reads the body of a 200, be it the stream that was asked for or a whole document in its place.

    What it is shows in its first byte, whatever its content type says. `finished` is True once the answer is
    whole: after the finish reason or `[DONE]`. `heard` tells whether the last piece brought any content;
    pings do not.
    """

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        self.finished = False
        self.done = False
        self.heard = False
        self._headers = headers
        self._redact = redact
        self._parser: SSEParser | None = None
        self._document: list[bytes] = []
        self._torn = False
        self._text = _Halves()
        self._reasoning = _Halves()

    def feed(self, piece: bytes, at: float) -> Iterator[Delta]:
        """The Deltas that `piece` completes. Raises Failure unless the answer was whole before."""
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
                if delta.finish_reason is not None:
                    self.finished = True
                if delta.text or delta.reasoning:
                    self.heard = True
                yield delta
        except LineTooLong as error:
            if not self.finished:
                raise _malformed(str(error)) from None
        except Failure:
            if not self.finished:
                raise  # what comes behind the end cannot spoil a whole answer

    def close(self, at: float) -> Iterator[Delta]:
        """What the end of the body completes. Raises Failure if the answer is not whole."""
        if self._document:
            yield self._whole(b"".join(self._document), at)
        elif not self.finished:
            raise Failure(
                FailureKind.TRANSIENT, "truncated: the stream ended without a finish reason", status=200
            )

    def _begins(self, piece: bytes) -> bool:
        """Whether the body is a stream of events. White space in front is a ping and decides nothing."""
        start = piece if self._document else piece.lstrip(_BLANK)
        if self._document or start.startswith((b"{", b"[", b"<")):
            self._document.append(piece)
            self.heard = True
            return False
        if start:
            self._parser = SSEParser()
        return bool(start)

    def _end(self, at: float) -> Iterator[Delta]:
        if not self.finished:
            self.finished = True
            yield Delta(finish_reason="stop", at=at)

    def _whole(self, body: bytes, at: float) -> Delta:
        if body.lstrip(_BLANK).startswith(b"<"):
            raise Failure(FailureKind.TRANSIENT, "the server sent an HTML page, as a proxy does", status=200)
        chunk = self._chunk(body)
        choice = self._choice(chunk, body)
        part = None if choice is None else choice.message or choice.delta
        if choice is None or part is None:
            raise _malformed("no choices in it")
        self.finished = True
        text, reasoning = self._mended(_text(part), _reasoning(part), last=True)
        return Delta(text, reasoning, choice.finish_reason or "stop", _usage(chunk.usage), at)

    def _delta(self, data: bytes, at: float) -> Delta:
        chunk = self._chunk(data)
        choice = self._choice(chunk, data)
        usage = None if chunk.usage is None else _usage(chunk.usage)
        if choice is None:
            return Delta(usage=usage, at=at)
        part = choice.delta or choice.message
        reason = choice.finish_reason or None
        text, reasoning = ("", "") if part is None else (_text(part), _reasoning(part))
        if part is not None and part.tool_calls:
            self.heard = True
        if self._torn:
            text, reasoning = self._mended(text, reasoning, last=reason is not None)
        if reason == "error":
            raise Failure(FailureKind.TRANSIENT, "the server broke the answer off", status=200)
        return Delta(text, reasoning, reason, usage, at)

    def _chunk(self, data: bytes) -> _Chunk:
        try:
            return _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as strict:
            try:
                chunk = msgspec.convert(json.loads(data.removeprefix(_MARK)), _Chunk)
            except (ValueError, RecursionError):
                raise _malformed(f"not the JSON expected ({strict})") from None
            self._torn = True  # what the strict decoder minds and this one does not: half a surrogate pair
            return chunk

    def _mended(self, text: str, reasoning: str, *, last: bool) -> tuple[str, str]:
        return self._text.join(text, last=last), self._reasoning.join(reasoning, last=last)

    def _choice(self, chunk: _Chunk, data: bytes) -> _Choice | None:
        """The first choice, if there is one. Raises Failure if the chunk is an error instead."""
        if chunk.error:
            raise from_body(chunk.error, self._headers, redact=self._redact)
        if chunk.choices:
            first = chunk.choices[0]
            return first if not first.index else next((one for one in chunk.choices if not one.index), None)
        if chunk.choices is None and chunk.usage is None:
            bare = _json(data)
            if isinstance(bare, dict) and ("message" in bare or "detail" in bare):
                raise from_body(bare, self._headers, redact=self._redact)
        return None

    def _named_error(self, data: bytes) -> Failure:
        """The Failure of an event named `error`: an error in the usual place, its inside alone, or text."""
        found = _json(data)
        if isinstance(found, dict):
            found = found.get("error") or found
        return from_body(found or data.decode("utf-8", "replace"), self._headers, redact=self._redact)


class _Halves:
    """Joins the halves of surrogate pairs (an emoji that the server cut in two) across chunks."""

    __slots__ = ("_high",)

    def __init__(self) -> None:
        self._high = ""

    def join(self, text: str, *, last: bool) -> str:
        """`text` with what was held back in front; a high half at its end is held back in turn, unless this
        is the last text. A half that stays alone becomes the replacement character.
        """
        text = self._high + text
        self._high = text[-1] if not last and text and "\ud800" <= text[-1] <= "\udbff" else ""
        if self._high:
            text = text[:-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _malformed(why: str) -> Failure:
    return Failure(FailureKind.TRANSIENT, f"malformed answer: {why}", status=200)


def _text(part: _Part) -> str:
    content = part.content
    if content.__class__ is str:
        return content  # the test above is isinstance, in half the time
    if content is None:
        content = part.refusal
    return content if isinstance(content, str) else _joined(content)


def _reasoning(part: _Part) -> str:
    thought = part.reasoning_content if part.reasoning_content is not None else part.reasoning
    return thought if isinstance(thought, str) else ""


def _joined(content: Any) -> str:
    """The text of a content given as a list of parts."""
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _usage(tokens: Any) -> Usage | None:
    """The counts, if there are counts to be trusted."""
    if not isinstance(tokens, dict):
        return None
    counts = [tokens.get(name) for name in ("prompt_tokens", "completion_tokens")]
    asked, said = (count if type(count) is int and 0 <= count < _MOST_TOKENS else None for count in counts)
    return None if said is None else Usage(asked or 0, said)
