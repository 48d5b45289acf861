"""The chat completions dialect of OpenAI, as its many compatible servers speak it too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure, FailureKind, from_response
from llmdash.llms.messages import Delta, PromptLike, as_messages
from llmdash.llms.openai_wire import ChatReader
from llmdash.secrets import Redactor, Secret

if TYPE_CHECKING:
    from llmdash.llms.http import Answer, HttpClient
    from llmdash.llms.timeouts import Timeouts

__all__ = ["DEFAULT_BASE_URL", "DEFAULT_MODEL", "ChatOpenAI"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"
_ERROR_LIMIT = 65_536
_PATIENCE_S = 5.0  # for usage and the end of the body, once the finish reason is there
_PATIENCE_DONE_S = 1.0  # for the end of the body after [DONE]
_encode = msgspec.json.Encoder().encode


class ChatOpenAI(LLM):
    """A chat model behind `POST {base_url}/chat/completions`.

    `api_key` and `base_url` come from `OPENAI_API_KEY` and `OPENAI_BASE_URL` where they are not given. With
    `streaming=False` the answer is asked for whole. `client` shares connections between models and brings
    timeouts of its own; without one, `timeouts` count.

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
        self._own: dict[asyncio.AbstractEventLoop, tuple[HttpClient, AsyncGenerator[None, None]]] = {}

    def __repr__(self) -> str:
        return f"ChatOpenAI(model={self.model!r}, url={self.url!r})"

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        body = self._body(prompt, stop, options)
        client = await self._client()
        quirk = (self.url, "stream_options")
        asks_usage = "stream_options" in body and quirk not in client.quirks
        retold = False
        while True:
            if not asks_usage:
                body.pop("stream_options", None)
            try:
                async with client.post(self.url, self._headers, _written(body)) as answer:
                    if 200 <= answer.status < 300:
                        if retold:
                            client.quirks.add(quirk)
                        reader = ChatReader(answer.headers, self._redactor.redact)
                        while (piece := await _next_piece(answer, reader)) is not None:
                            for delta in reader.feed(piece, monotonic()):
                                yield delta
                        for delta in reader.close(monotonic()):
                            yield delta
                        return
                    await self._refuse(answer, forgive=asks_usage)
            except Failure as failure:
                failure.reword(self._redactor.redact(failure.message))
                raise
            asks_usage, retold = False, True

    async def _refuse(self, answer: Answer, *, forgive: bool) -> None:
        """Raise the Failure an answer stands for; `forgive` lets a refusal of `stream_options` pass."""
        start = await _start(answer)
        if forgive and answer.status in (400, 422) and b"stream_options" in start:
            return
        failure = from_response(answer.status, answer.headers, start, redact=self._redactor.redact)
        if answer.status in (404, 405) or failure.kind is FailureKind.CONFIG:
            failure.reword(f"{failure.message} (asked was {self.url})")
        raise failure

    def _body(
        self, prompt: PromptLike, stop: Sequence[str] | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": as_messages(prompt),
            **self._options,
            **options,
        }
        if stop:
            body["stop"] = list(stop)
        if body.setdefault("stream", self.streaming):
            body.setdefault("stream_options", {"include_usage": True})
        else:
            body["stream"] = None
        return {name: value for name, value in body.items() if value is not None}

    async def _client(self) -> HttpClient:
        if self._shared is not None:
            return self._shared
        from llmdash.llms.http import HttpClient  # httpx and aiohttp take 150 ms to load: on first use

        loop = asyncio.get_running_loop()
        if loop not in self._own:
            client = HttpClient(timeouts=self._timeouts)
            keeper = self._close_with_loop(loop, client)
            self._own[loop] = (client, keeper)
            await anext(keeper)
        return self._own[loop][0]

    async def _close_with_loop(
        self, loop: asyncio.AbstractEventLoop, client: HttpClient
    ) -> AsyncGenerator[None, None]:
        """Closes `client` when the loop ends: `asyncio.run` closes the generators that still wait."""
        try:
            yield
        finally:
            self._own.pop(loop, None)
            await client.aclose()

    async def aclose(self) -> None:
        """Close the connections made in this event loop, but for those of a client that was given."""
        own = self._own.get(asyncio.get_running_loop())
        if own is not None:
            await own[1].aclose()


def chat_url(base_url: str) -> str:
    """The address of chat completions below `base_url`, with or without a trailing slash or a query."""
    base, mark, query = base_url.strip().partition("?")
    base = base.rstrip("/")
    if not base.endswith("/chat/completions"):
        base += "/chat/completions"
    return base + mark + query


class _Headers(list[tuple[bytes, bytes]]):
    """Request headers that do not show the key in a traceback with local variables."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def _headers(secret: Secret) -> _Headers:
    return _Headers(
        (
            (b"authorization", b"Bearer " + secret.reveal().encode("ascii")),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
            (b"accept-encoding", b"identity"),
            (b"user-agent", b"llmdash"),
        )
    )


def _written(body: Mapping[str, Any]) -> bytes:
    try:
        return _encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure(FailureKind.REQUEST, f"the request cannot be written as JSON: {error}") from None


async def _next_piece(answer: Answer, reader: ChatReader) -> bytes | None:
    """The next bytes. Once the answer is whole, its end may come as it likes, but soon."""
    if reader.finished:
        answer.hurry(_PATIENCE_DONE_S if reader.done else _PATIENCE_S)
    elif reader.heard:
        answer.progress()
    try:
        return await answer.chunk()
    except Failure:
        if reader.finished:
            return None
        raise


async def _start(answer: Answer) -> bytes:
    """The first 64 KB of an error's body, or what came of it: the status alone decides as well."""
    answer.hurry(_PATIENCE_S)
    body = bytearray()
    try:
        while len(body) < _ERROR_LIMIT and (piece := await answer.chunk()) is not None:
            body += piece
    except Failure:
        pass
    return bytes(body)
