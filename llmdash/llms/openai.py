"""The chat completions dialect of OpenAI, as its many compatible servers speak it too."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure, FailureKind, from_body, from_response
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages
from llmdash.llms.sse import LineTooLong, SSEParser
from llmdash.secrets import Redactor, Secret

if TYPE_CHECKING:
    from llmdash.llms.http import Answer, HttpClient
    from llmdash.llms.timeouts import Timeouts

__all__ = ["DEFAULT_BASE_URL", "DEFAULT_MODEL", "ChatOpenAI"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"


class _Text(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None


class _Choice(msgspec.Struct):
    delta: _Text | None = None
    message: _Text | None = None
    finish_reason: str | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    """A chunk of a stream or a whole answer, as far as it is needed."""

    choices: list[_Choice] | None = None
    usage: _Tokens | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode
_encode = msgspec.json.Encoder().encode


class ChatOpenAI(LLM):
    """A chat model behind `POST {base_url}/chat/completions`.

    `api_key` and `base_url` come from `OPENAI_API_KEY` and `OPENAI_BASE_URL` where they are not given. With
    `streaming=False` the answer is asked for whole. `client` shares connections between models; `timeouts`
    are in seconds.

    >>> llm = ChatOpenAI(temperature=0.9)                       # doctest: +SKIP
    >>> for chunk in llm.stream("A verse about sparkling water"):  # doctest: +SKIP
    ...     print(chunk.content, end="|", flush=True)
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        streaming: bool = True,
        timeouts: Timeouts | None = None,
        client: HttpClient | None = None,
    ) -> None:
        key = api_key if api_key is not None else os.environ.get("OPENAI_API_KEY", "")
        if not key:
            raise ValueError("no API key: give api_key, or set OPENAI_API_KEY")
        secret = key if isinstance(key, Secret) else Secret(key)
        self.model = model
        self.url = chat_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL)
        self.streaming = streaming
        self._options = {"temperature": temperature, "max_tokens": max_tokens}
        self._headers = _headers(secret)
        self._redactor = Redactor((secret,))
        self._timeouts = timeouts
        self._shared = client
        self._own: tuple[asyncio.AbstractEventLoop, HttpClient] | None = None
        self._asks_usage = True

    def __repr__(self) -> str:
        return f"ChatOpenAI(model={self.model!r}, url={self.url!r})"

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncIterator[Delta]:
        streaming = bool(options.pop("stream", self.streaming))
        try:
            body = self._body(prompt, stop, options, streaming)
            async with self._client().post(self.url, self._headers, body) as answer:
                if answer.status == 200:
                    async for delta in _deltas(answer, streaming):
                        yield delta
                    return
                failure = from_response(answer.status, answer.headers, await _start(answer))
            if not (self._asks_usage and streaming and _refuses_stream_options(failure)):
                raise failure
            self._asks_usage = False  # once per endpoint: this server does not know stream_options
            async for delta in self._astream(prompt, stop=stop, stream=True, **options):
                yield delta
        except Failure as failure:
            self._redact(failure)
            raise

    def _redact(self, failure: Failure) -> None:
        failure.message = self._redactor.redact(failure.message)
        failure.args = (failure.message,)

    def _body(
        self, prompt: PromptLike, stop: Sequence[str] | None, options: Mapping[str, Any], streaming: bool
    ) -> bytes:
        body: dict[str, Any] = {"model": self.model, "messages": as_messages(prompt)}
        body.update((name, value) for name, value in self._options.items() if value is not None)
        body.update((name, value) for name, value in options.items() if value is not None)
        if stop:
            body["stop"] = list(stop)
        if streaming:
            body["stream"] = True
            if self._asks_usage:
                body["stream_options"] = {"include_usage": True}
        return _encode(body)

    def _client(self) -> HttpClient:
        if self._shared is not None:
            return self._shared
        from llmdash.llms.http import HttpClient  # httpx and aiohttp take 150 ms to load: on first use

        loop = asyncio.get_running_loop()
        if self._own is None or self._own[0] is not loop:
            self._own = (loop, HttpClient(timeouts=self._timeouts))
        return self._own[1]

    async def aclose(self) -> None:
        if self._own is not None:
            await self._own[1].aclose()
            self._own = None


def chat_url(base_url: str) -> str:
    """The address of chat completions below `base_url`, with or without a trailing slash."""
    base = base_url.rstrip("/")
    return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


def _headers(secret: Secret) -> list[tuple[bytes, bytes]]:
    return [
        (b"authorization", b"Bearer " + secret.reveal().encode("ascii")),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
        (b"accept-encoding", b"identity"),
        (b"user-agent", b"llmdash"),
    ]


async def _start(answer: Answer) -> bytes:
    """The first 64 KB of an error's body; the rest of it tells nothing more."""
    body = b""
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > 65_536:
            break
    return body


def _refuses_stream_options(failure: Failure) -> bool:
    return failure.status in (400, 422) and "stream_options" in failure.message


async def _deltas(answer: Answer, streaming: bool) -> AsyncIterator[Delta]:
    """The Deltas of a 200, whether it is a stream or, against what was asked, a whole document."""
    kind = answer.headers.get("content-type", "")
    if streaming and "json" not in kind:
        async for delta in _streamed(answer):
            yield delta
    else:
        yield _whole(await answer.read(), answer.headers)


def _whole(body: bytes, headers: Mapping[str, str]) -> Delta:
    from llmdash.llms.http import now

    document = _chunk(body)
    if document.error is not None:
        raise from_body(document.error, headers)
    if not document.choices:
        raise Failure(FailureKind.TRANSIENT, "the answer has no choices", status=200)
    choice = document.choices[0]
    text, reasoning = _texts(choice.message or choice.delta)
    return Delta(text, reasoning, choice.finish_reason or "stop", _usage(document.usage), now())


async def _streamed(answer: Answer) -> AsyncIterator[Delta]:
    from llmdash.llms.http import now

    parser, finished = SSEParser(), False
    stalls = _Stall(answer.stall_s)
    try:
        async for piece in answer.chunks():
            at = now()
            for event in parser.feed(piece):
                if event.data == b"[DONE]":
                    if not finished:
                        finished = True
                        yield Delta(finish_reason="stop", at=at)
                    answer.hurry()
                    continue
                delta = _delta(event.data, answer.headers, at)
                finished = finished or delta.finish_reason is not None
                stalls.note(delta.has_content or finished, at)
                yield delta
            stalls.check(at)
    except LineTooLong as error:
        raise Failure(FailureKind.TRANSIENT, f"malformed: {error}", status=200) from None
    except Failure:
        if not finished:
            raise  # after the finish reason the answer is whole, however the connection ends
    if not finished:
        raise Failure(
            FailureKind.TRANSIENT, "truncated: the stream ended without a finish reason", status=200
        )


class _Stall:
    """Watches that content keeps coming; pings alone do not count."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._last: float | None = None

    def note(self, content: bool, at: float) -> None:
        if content or self._last is None:
            self._last = at

    def check(self, at: float) -> None:
        if self._last is None:
            self._last = at
        elif at - self._last > self._limit:
            raise Failure(FailureKind.TRANSIENT, f"stalled: no content for {self._limit:g} s", status=200)


def _delta(data: bytes, headers: Mapping[str, str], at: float) -> Delta:
    chunk = _chunk(data)
    if chunk.error is not None:
        raise from_body(chunk.error, headers)
    usage = _usage(chunk.usage) if chunk.usage is not None else None
    if not chunk.choices:
        return Delta(usage=usage, at=at)
    choice = chunk.choices[0]
    text, reasoning = _texts(choice.delta or choice.message)
    return Delta(text, reasoning, choice.finish_reason or None, usage, at)


def _chunk(data: bytes) -> _Chunk:
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"\\u" in data and (chunk := _with_lone_surrogates(data)):
            return chunk
        raise Failure(
            FailureKind.TRANSIENT, f"malformed: the answer is not the JSON expected ({error})", status=200
        ) from None


def _with_lone_surrogates(data: bytes) -> _Chunk | None:
    """The chunk, if half of a surrogate pair (an emoji cut in two by the server) is all that ails it."""
    try:
        return msgspec.convert(json.loads(data), _Chunk)
    except (ValueError, RecursionError):
        return None


def _texts(part: _Text | None) -> tuple[str, str]:
    """(text, reasoning) of a delta or message."""
    if part is None:
        return "", ""
    content = part.content if part.content is not None else part.refusal
    text = content if isinstance(content, str) else _joined(content)
    thought = part.reasoning_content if part.reasoning_content is not None else part.reasoning
    return text, thought if isinstance(thought, str) else ""


def _joined(content: Any) -> str:
    """The text of a content given as a list of parts."""
    if not isinstance(content, list):
        return ""
    return "".join(
        str(part.get("text") or "")
        for part in content
        if isinstance(part, dict) and part.get("type") == "text"
    )


def _usage(tokens: _Tokens | None) -> Usage | None:
    if tokens is None or tokens.completion_tokens is None:
        return None
    return Usage(tokens.prompt_tokens or 0, tokens.completion_tokens)
