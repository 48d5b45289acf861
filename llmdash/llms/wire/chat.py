"""Chat completions on the wire: bytes of a response body in, Deltas out; no I/O."""

from __future__ import annotations

from typing import Any

import msgspec

from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.body_reader import BodyReader, as_count, as_json, malformed
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["ChatReader", "CompletionReader"]


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
    text: Any = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream or a whole answer, as far as it is needed."""

    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Chunk)
_decode = _decoder.decode


class ChatReader(BodyReader):
    """Reads chat completions: complete after a finish reason or `[DONE]`."""

    def _whole(self, body: bytes, at: float) -> Delta:
        chunk = self._decoded(body, _decoder)
        choice = self._choice(chunk, body)
        said = None if choice is None else self._said(choice)
        if choice is None or said is None:
            raise malformed("no choices in it")
        text, reasoning = self._well_formed(*said, last=True)
        return Delta(text, reasoning, choice.finish_reason or "stop", _usage(chunk.usage), at)

    def _said(self, choice: _Choice) -> tuple[str, str] | None:
        """Text and reasoning of a choice in a document, None if it has no place for any."""
        part = choice.message or choice.delta
        return None if part is None else (_text(part), _reasoning(part))

    def _delta(self, data: bytes, at: float) -> Delta:
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            chunk = self._decoded(data, _decoder)
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
            text, reasoning = self._well_formed(text, reasoning, last=reason is not None)
        if reason == "error":
            raise broken_off()
        return Delta(text, reasoning, reason, usage, at)

    def _choice(self, chunk: _Chunk, data: bytes) -> _Choice | None:
        """The first choice, if there is one. Raises Failure if the chunk is an error instead."""
        if chunk.error:
            raise self._error(chunk.error)
        if chunk.choices:
            first = chunk.choices[0]
            return first if not first.index else next((one for one in chunk.choices if not one.index), None)
        if chunk.choices is None and chunk.usage is None:
            bare = as_json(data)
            if isinstance(bare, dict) and ("message" in bare or "detail" in bare):
                raise self._error(bare)
        return None


class CompletionReader(ChatReader):
    """Reads text completions: like chat completions, but a choice holds its text itself."""

    def _said(self, choice: _Choice) -> tuple[str, str] | None:
        return (choice.text, "") if isinstance(choice.text, str) else super()._said(choice)

    def _delta(self, data: bytes, at: float) -> Delta:
        chunk = self._decoded(data, _decoder)
        choice = self._choice(chunk, data)
        usage = _usage(chunk.usage)
        if choice is None:
            return Delta(usage=usage, at=at)
        reason = choice.finish_reason or None
        text, reasoning = self._well_formed(*(self._said(choice) or ("", "")), last=reason is not None)
        if reason == "error":
            raise broken_off()
        return Delta(text, reasoning, reason, usage, at)


def broken_off() -> Failure:
    """Return the Failure for an answer that the server itself marks as failed."""
    return Failure(FailureKind.TRANSIENT, "the server broke the answer off", status=200)


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
    """The token counts, if they are there and plausible."""
    said = as_count(tokens, "completion_tokens")
    return None if said is None else Usage(as_count(tokens, "prompt_tokens") or 0, said)
