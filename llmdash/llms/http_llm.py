"""HttpLLM: a model behind an HTTP endpoint. A dialect says what is sent and how the answer is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import msgspec

from llmdash.llms.base import LLM, Piece, Stop, Whole
from llmdash.llms.messages import Body, Delta, PromptLike
from llmdash.llms.options import TOKEN_LIMITS, merge_options
from llmdash.llms.sync_bridge import Elsewhere, there
from llmdash.llms.transport.connections import Connections
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.dialect import Dialect, Header, Reader, Request
from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from llmdash.llms.wire.rate_limit_headers import parse_limits
from llmdash.secrets import Redactor, Secret

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient, HttpResponse

__all__ = ["HeaderList", "HttpLLM", "start_of", "written"]

T = TypeVar("T")

_ERROR_LIMIT = 65_536
_TAIL_S = 5.0  # for usage and the end of the body, once the finish reason is there
_TAIL_DONE_S = 1.0  # for the end of the body once nothing can follow
_NOT_PICKLED = ("api_key", "openai_api_key", "anthropic_api_key", "promptlayer_api_key", "client")
_STOPS = frozenset(("stop", "stop_sequences"))
_encode = msgspec.json.Encoder().encode
_COMMON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"llmdash"),
)


class HttpLLM(LLM[Whole, Piece]):
    """A model behind an HTTP endpoint.

    | argument | meaning | also known as |
    |---|---|---|
    | `model` | the server's name for the model | `model_name` |
    | `api_key` | the key; else from the environment | `openai_api_key`, `anthropic_api_key` |
    | `base_url` | where the API is; else from the environment | `openai_api_base` |
    | `temperature`, `max_tokens`, `stop` | as the API has them | |
    | `timeout` | seconds that an answer may take in all | `request_timeout` |
    | `max_retries` | how often a call that failed for a time is retried (`deltas`: never) | |
    | `streaming` | False: the answer is asked for whole, and comes as one piece | |
    | `terminal_eof` | True: a stream that just ends is whole, its finish reason is `eof` | |
    | `timeouts` | all time limits | |
    | `client` | shares connections between models, and brings timeouts of its own | |
    | `model_kwargs`, any other | more for the server, in the body of every request | |

    Raises ValueError if there is no key or it cannot be one.
    """

    dialect: Dialect
    default_model: ClassVar[str]
    default_max_tokens: ClassVar[int | None] = None
    _made_with: tuple[tuple[Any, ...], dict[str, Any]]

    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: Stop = None,
        timeout: float | None = None,
        max_retries: int = 2,
        streaming: bool = True,
        terminal_eof: bool = False,
        timeouts: Timeouts | None = None,
        client: HttpClient | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        model = _first(model, options, "model_name")
        api_key = _first(api_key, options, "openai_api_key", "anthropic_api_key")
        base_url = _first(base_url, options, "openai_api_base", "anthropic_api_url")
        timeout = _first(timeout, options, "request_timeout")
        provider = self.dialect.provider
        secret = provider.key(api_key)
        self.model = model or self.default_model
        self.url = self.dialect.url(provider.address(base_url))
        self.streaming = streaming
        self.terminal_eof = terminal_eof
        self.max_retries = max_retries
        self._stop = stop
        self._given = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            **(model_kwargs or {}),
            **options,
        }
        self._headers = HeaderList(self.dialect.headers(secret))
        self._redactor = Redactor((secret,))
        if timeouts is None and timeout is not None:
            timeouts = Timeouts(total=timeout)
        self._connections = Connections(client, _client_maker(timeouts))

    def __new__(cls, *args: Any, **settings: Any) -> Self:
        made = super().__new__(cls)
        made._made_with = (args, settings)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made with, but neither key nor connections: it reads its key again."""
        args, settings = self._made_with
        kept = {name: value for name, value in settings.items() if name not in _NOT_PICKLED}
        return _made_again, (type(self), args, kept)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, url={self.url!r})"

    def event_facts(self) -> dict[str, Any]:
        most = self._given["max_tokens"] or self.default_max_tokens
        named = {"ls_temperature": self._given["temperature"], "ls_max_tokens": most}
        known = {name: value for name, value in named.items() if value is not None}
        return {"ls_provider": self.dialect.provider.name, "ls_model_name": self.model, **known}

    async def aclose(self) -> None:
        """Close the connections, except those of a client that was given."""
        await self._connections.aclose()

    def _pieces(self, make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        return make() if self._connections.shared is not None else Elsewhere(make)

    async def _result(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await (work() if self._connections.shared is not None else there(work))

    async def _astream(
        self, prompt: PromptLike, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        body = self._body(prompt, stop, options)
        client = await self._connections.client()
        compat = (self.url, "stream_options")
        asks_usage = "stream_options" in body and compat not in client.compat
        retold = False
        while True:
            if not asks_usage:
                body.pop("stream_options", None)
            try:
                async with client.post(self.url, self._headers, written(body)) as answer:
                    if 200 <= answer.status < 300:
                        if retold:
                            client.compat.add(compat)
                        hints = parse_limits(answer.headers)
                        if hints is not None:
                            yield Delta(hints=hints, at=monotonic())
                        reader = self.dialect.reader(answer.headers, self._redactor.redact)
                        while (piece := await _next_piece(answer, reader)) is not None:
                            for delta in reader.feed(piece, monotonic()):
                                yield delta
                        for delta in reader.close(monotonic(), eof_ends=self.terminal_eof):
                            yield delta
                        return
                    await self._refuse(answer, forgive=asks_usage)
            except Failure as failure:
                failure.reword(self._redactor.redact(failure.message))
                raise
            asks_usage, retold = False, True

    async def _refuse(self, answer: HttpResponse, *, forgive: bool) -> None:
        """Raise the Failure for an error response; `forgive` accepts a refusal of `stream_options`."""
        start = await start_of(answer)
        if forgive and answer.status in (400, 422) and b"stream_options" in start:
            return
        failure = from_response(answer.status, answer.headers, start, redact=self._redactor.redact)
        if answer.status in (404, 405) or failure.kind is FailureKind.CONFIG:
            failure.reword(f"{failure.message} (asked was {self.url})")
        raise failure

    def _body(self, prompt: PromptLike, stop: Stop, options: Mapping[str, Any]) -> dict[str, Any]:
        merged = dict(merge_options(self._given, options))
        if isinstance(prompt, Body):
            if prompt.wire == self.dialect.wire:
                return self._as_it_stands(prompt, stop or self._stop, merged)
            merged = dict(merge_options(merged, prompt.options))
        elif all(merged.get(name) is None for name in TOKEN_LIMITS):
            merged["max_tokens"] = self.default_max_tokens
        streamed = bool(merged.pop("stream", self.streaming))
        request = Request(self.model, prompt, stop or self._stop or None, streamed, merged)
        return {name: value for name, value in self.dialect.body(request).items() if value is not None}

    def _as_it_stands(self, prompt: Body, stop: Stop, options: Mapping[str, Any]) -> dict[str, Any]:
        """The body as the input has it; what it lacks comes from the options, and the model from here."""
        given = {name: value for name, value in options.items() if value is not None}
        wanted = dict(merge_options(given, prompt.fields))
        wanted.pop("stream", None)
        stops = None if _STOPS & prompt.fields.keys() else stop or None
        request = Request(self.model, prompt, stops, self.streaming, wanted)
        body = self.dialect.body(request)
        return {name: value for name, value in body.items() if value is not None or name in prompt.fields}


def _made_again(kind: type[LLM[Any, Any]], args: tuple[Any, ...], settings: dict[str, Any]) -> LLM[Any, Any]:
    return kind(*args, **settings)


def _client_maker(timeouts: Timeouts | None) -> Callable[[], HttpClient]:
    """Make the client of a model. Loads HTTP now, so that the first call need not."""
    from llmdash.llms.transport.http import HttpClient

    return partial(HttpClient, timeouts=timeouts)


def _first(given: Any, options: dict[str, Any], *names: str) -> Any:
    """`given`, or else the first of these options that is; all of them are taken out."""
    others = [options.pop(name, None) for name in names]
    return next((value for value in (given, *others) if value is not None), None)


class HeaderList(list[Header]):
    """The headers of a request: those given and those of all. A traceback that shows local variables does not
    show what is in them.
    """

    def __init__(self, own: Iterable[Header] = ()) -> None:
        super().__init__((*own, *_COMMON))

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def written(body: Mapping[str, Any]) -> bytes:
    """Return `body` as JSON bytes. Raises Failure (REQUEST) for what JSON cannot hold."""
    try:
        return _encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure(FailureKind.REQUEST, f"the request cannot be written as JSON: {error}") from None


async def _next_piece(answer: HttpResponse, reader: Reader) -> bytes | None:
    """The next bytes. Once the answer is complete, the end of the body is awaited only for a short time."""
    if reader.finished:
        answer.shorten_deadline(_TAIL_DONE_S if reader.done else _TAIL_S)
    elif reader.heard:
        answer.progress()
    try:
        return await answer.chunk()
    except Failure:
        if reader.finished:
            return None
        raise


async def start_of(answer: HttpResponse) -> bytes:
    """Return the first 64 KB of a body, or what arrived of it: for an error the status alone is enough."""
    answer.shorten_deadline(_TAIL_S)
    body = bytearray()
    try:
        while len(body) < _ERROR_LIMIT and (piece := await answer.chunk()) is not None:
            body += piece
    except Failure:
        pass
    return bytes(body)
