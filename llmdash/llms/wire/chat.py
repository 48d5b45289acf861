"""Chat completions on the wire: bytes of a response body in, Deltas out; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmdash.llms.messages import Delta
from llmdash.llms.wire.body_reader import BodyReader
from llmdash.llms.wire.chat_message import MessageParts, is_more_than_text, join_in
from llmdash.llms.wire.documents import as_json, truncated
from llmdash.llms.wire.usage import usage_of

__all__ = ["ChatReader", "CompletionReader"]


class _Part(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    images: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: Any = 0
    delta: _Part | None = None
    message: _Part | None = None
    text: Any = None
    finish_reason: Any = None
    logprobs: Any = None
    error: Any = None
    usage: Any = None


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream or a whole answer, as far as it is needed; `x_groq` holds Groq's own fields,
    `citations` and `search_results` the sources of Perplexity and xAI, all of them in each chunk.
    """

    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    citations: Any = None
    search_results: Any = None


_decoder = msgspec.json.Decoder(_Chunk)
_decode = _decoder.decode


class ChatReader(BodyReader):
    """Reads chat completions: complete after a finish reason that closes an answer, or `[DONE]`."""

    def __init__(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        super().__init__(headers, redact)
        self._parts: MessageParts | None = None
        self._as_sent: dict[str, Any] | None = None

    def _delta(self, data: bytes, at: float) -> Delta | None:
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoded = self._decoded(data, _decoder)
            if decoded is None:
                return None
            chunk = decoded
        choices = chunk.choices
        if chunk.usage is not None:
            self._count(usage_of(chunk.usage))
        if chunk.error or not choices or chunk.x_groq is not None or chunk.citations or chunk.search_results:
            self._besides(chunk, data)
        if not choices:
            return None
        choice = choices[0] if len(choices) == 1 else _first(choices)
        if choice.error or choice.usage is not None or choice.logprobs is not None:
            self._of_choice(choice)
        text, reasoning = self._said(choice)
        reason = choice.finish_reason
        if self._torn:
            text, reasoning = self._well_formed(text, reasoning, last=False)
        if text or reasoning or reason is not None:
            return Delta(text, reasoning, reason, None, at)
        return None

    def _whole(self, body: bytes, at: float) -> Delta:
        chunk = self._document_of(body, _decoder)
        self._count(usage_of(chunk.usage))
        self._besides(chunk, body)
        if not chunk.choices:
            none = "no choices in it"
            raise self._no_answer(body, none) if chunk.choices is None else self._nothing(none)
        choice = _first(chunk.choices)
        self._of_choice(choice)
        says_nothing = choice.delta is None and choice.message is None and not isinstance(choice.text, str)
        if says_nothing and choice.finish_reason is None:
            raise self._nothing("no choices in it")
        if choice.message is None and choice.delta is not None and choice.finish_reason is None:
            raise truncated()  # a piece of a stream, of which no more came
        text, reasoning = self._said(choice)
        if self._more or self._noted:
            found = as_json(body)["choices"][chunk.choices.index(choice)]
            said = found.get("message") or found.get("delta") or {"content": text}
            self._as_sent = {"role": "assistant", **said, **(self._parts or MessageParts()).about_text}
        return Delta(text, reasoning, choice.finish_reason)

    def _message(self) -> dict[str, Any]:
        if self._as_sent is not None:
            return self._as_sent
        return (self._parts or MessageParts()).message("".join(self._texts))

    def _said(self, choice: _Choice) -> tuple[str, str]:
        """Text and reasoning of a choice; notes what is more than that."""
        part = choice.delta or choice.message
        if part is None:
            return "", ""
        content = part.content
        if content.__class__ is not str or not content:  # isinstance, in half the time
            content = self._unusual(part)
        thought = part.reasoning_content or part.reasoning
        if part.tool_calls or part.function_call or part.audio or part.images or part.annotations:
            self._add(part)
        if thought is None:
            return content, ""
        return content, thought if isinstance(thought, str) else ""

    def _unusual(self, part: _Part) -> str:
        """The text of a content that is none: of a refusal, or of parts, which are noted."""
        content = part.content or part.refusal
        if isinstance(content, dict) and isinstance(content.get("text"), str):
            content = [content]
        if content is None or isinstance(content, str):
            return content or ""
        if not isinstance(content, list):
            return json.dumps(content, ensure_ascii=False)  # what a model said as JSON, and a server parsed
        thoughts = [one for one in content if isinstance(one, dict) and one.get("type") == "thinking"]
        if thoughts and not part.reasoning_content:
            part.reasoning_content = "".join(_text_of(one.get("thinking")) for one in thoughts)
        if any(map(is_more_than_text, content)):
            self._parts = self._parts or MessageParts()
            self._other_content()
            self._parts.add_content(content)
        return _text_of(content)

    def _add(self, part: _Part) -> None:
        parts = self._parts = self._parts or MessageParts()
        if part.annotations:
            join_in(self._about_text(), {"annotations": part.annotations})
        if part.tool_calls or part.function_call or part.audio or part.images:
            self._other_content()
        for add, piece in (
            (parts.add_calls, part.tool_calls),
            (parts.add_function, part.function_call),
            (parts.add_audio, part.audio),
            (parts.add_images, part.images),
        ):
            if piece:
                add(piece)

    def _besides(self, chunk: _Chunk, data: bytes) -> None:
        """What a chunk says beside its choices. Raises Failure if it is an error."""
        if chunk.error:
            raise self._errors.named(data)
        groq = chunk.x_groq if isinstance(chunk.x_groq, dict) else {}
        if groq.get("error"):
            raise self._errors.failure(groq["error"])
        self._count(usage_of(groq.get("usage")))
        for name, sources in (("citations", chunk.citations), ("search_results", chunk.search_results)):
            if sources:
                self._about_text()[name] = sources
        if chunk.choices is None and chunk.usage is None:
            self._errors.refuse(as_json(data))

    def _about_text(self) -> dict[str, Any]:
        """What is said about the text, to add to."""
        self._noted = True
        self._parts = self._parts or MessageParts()
        return self._parts.about_text

    def _of_choice(self, choice: _Choice) -> None:
        """What a choice says of itself. Raises Failure if it is an error."""
        self._count(usage_of(choice.usage))
        if choice.logprobs:
            join_in(self._about_text(), {"logprobs": choice.logprobs})
        if choice.error:
            raise self._errors.failure(choice.error)


class CompletionReader(ChatReader):
    """Reads text completions: like chat completions, but a choice holds its text itself."""

    def _said(self, choice: _Choice) -> tuple[str, str]:
        text = choice.text
        return (text, "") if text.__class__ is str else super()._said(choice)


def _first(choices: list[_Choice]) -> _Choice:
    """The choice that is the answer: one was asked for, so that a lone one is it, whatever its index."""
    return choices[0] if len(choices) == 1 else next((one for one in choices if not one.index), choices[0])


def _text_of(content: Any) -> str:
    """The text of a content given as a list of parts."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = (
        part.get("text")
        if isinstance(part, dict) and part.get("type") in (None, "text", "output_text")
        else part
        for part in content
    )
    return "".join(text for text in texts if isinstance(text, str))
