"""HttpLLM: a model behind an HTTP endpoint. A dialect says what is sent and how the answer is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from copy import copy
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from llmdash.llms.adapted_body import AdaptedBody, Droppable
from llmdash.llms.answer_pieces import next_piece, start_of
from llmdash.llms.base import LLM, Piece, Stop, Whole
from llmdash.llms.call_config import first_of, merged_config, own_arguments
from llmdash.llms.candidates import SeveralAnswers
from llmdash.llms.gathering import Gathering
from llmdash.llms.here import Here
from llmdash.llms.messages import Body, Delta, Generation, PromptLike, RequestPicture
from llmdash.llms.options import has_token_limit, merge_options, token_limit
from llmdash.llms.request_body import is_several, is_slow, written
from llmdash.llms.request_head import RequestHead, Value
from llmdash.llms.request_identity import RequestIdentity, identity_of
from llmdash.llms.retrying import wait_to_retry
from llmdash.llms.sync_bridge import there
from llmdash.llms.transport.connections import Connections
from llmdash.llms.transport.timeouts import FIRST_BYTE_S, SLOW_FIRST_BYTE_S, Timeouts
from llmdash.llms.wire.answer_mask import AnswerMask, LongKeys
from llmdash.llms.wire.dialect import Dialect, Request
from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from llmdash.llms.wire.kept_headers import kept_headers
from llmdash.llms.wire.rate_limit_headers import parse_limits
from llmdash.secrets import Redactor, Secret

if TYPE_CHECKING:
    from llmdash.llms.batches import Batches
    from llmdash.llms.transport.http import HttpClient, HttpResponse

__all__ = ["HttpLLM"]

T = TypeVar("T")

_NOT_PICKLED = ("api_key", "openai_api_key", "anthropic_api_key", "promptlayer_api_key", "client")
_STOPS = frozenset(("stop", "stop_sequences"))


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
    | `terminal_eof` | True: a stream that just ends is whole; it is flagged `eof` | |
    | `headers`, `query` | more for every request; a `Secret` among them is masked wherever it is seen | \
`default_headers`, `default_query` |
    | `auth` | how the key is sent: `"bearer"`, `"header:NAME"`, `"none"`; else as the API has it | |
    | `drop_unsupported` | True: an option that the server does not support is left out, not refused | |
    | `optional` | names of options that are left out anyway where the server does not support them | |
    | `timeouts` | all time limits | |
    | `client` | shares connections between models, and brings timeouts of its own | |
    | `model_kwargs`, any other | more for the server, in the body of every request | |

    Raises ValueError if there is no key or it cannot be one.
    """

    says_when_sent: ClassVar[bool] = True
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
        headers: Mapping[str, Value] | None = None,
        query: Mapping[str, Value] | None = None,
        auth: str | None = None,
        drop_unsupported: bool = False,
        optional: Iterable[str] = (),
        timeouts: Timeouts | None = None,
        client: HttpClient | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        model = first_of(model, options, "model_name")
        api_key = first_of(api_key, options, "openai_api_key", "anthropic_api_key")
        base_url = first_of(base_url, options, "openai_api_base", "anthropic_api_url")
        timeout = first_of(timeout, options, "request_timeout")
        named = own_arguments(type(self).__name__, options)
        headers = {**named.headers, **(first_of(headers, options, "default_headers") or {})}
        query = first_of(query, options, "default_query")
        provider = self.dialect.provider
        secret = None if auth == "none" and api_key is None else provider.key(api_key)
        head = RequestHead(
            self.dialect, provider.address(base_url), secret, headers=headers, query=query, auth=auth
        )
        self.model = model or self.default_model
        self.url = head.url
        self.streaming = streaming
        self.terminal_eof = terminal_eof
        self.max_retries = max_retries
        self._stop = stop
        self._given = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            **(model_kwargs or {}),
            **options,
            **named.body,
        }
        self._config = named.config
        self._head = head
        self._redactor = Redactor(head.secrets)
        self._long_keys = LongKeys(head.secrets)
        self._droppable = Droppable(optional, every=drop_unsupported)
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

    def __copy__(self) -> Self:
        """Another model with the same key, over the same connections; what it is given is its own."""
        made = object.__new__(type(self))
        made.__dict__ |= {**self.__dict__, "_given": dict(self._given)}
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def given(self) -> dict[str, Any]:
        """Return the options of every call, as they were given."""
        known = {name: value for name, value in self._given.items() if value is not None}
        return {**known, "stop": self._stop} if self._stop else known

    def _with_own(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return merged_config(self._config, config)

    def longest_answer(self, options: Mapping[str, Any]) -> int | None:
        return token_limit(merge_options(self._given, options)) or self.default_max_tokens

    def event_facts(self) -> dict[str, Any]:
        most = self._given["max_tokens"] or self.default_max_tokens
        named = {"ls_temperature": self._given["temperature"], "ls_max_tokens": most}
        known = {name: value for name, value in named.items() if value is not None}
        return {"ls_provider": self.dialect.provider.name, "ls_model_name": self.model, **known}

    def identity(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> RequestIdentity | None:
        try:
            body = self._body(prompt, stop, options)
        except Failure:
            return None  # the call will say so
        return identity_of(self._head.place, body, self._droppable.names)

    def picture(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> RequestPicture | None:
        try:
            body = written(self._body(prompt, stop, options)).decode()
        except Failure:
            return None  # the call says so
        return RequestPicture(self.url, self._head.shown, self._redactor.redact(body))

    def batches(self) -> Batches | None:
        from llmdash.llms.batch_services.answers import AnswerReading
        from llmdash.llms.batch_services.calls import ServiceCalls
        from llmdash.llms.batch_services.request_lines import RequestLines
        from llmdash.llms.batch_services.table import PATHS, service_of

        wire = self.dialect.wire
        if wire not in PATHS:
            return None
        asking = copy(self)
        asking.streaming = False
        calls = ServiceCalls(self._head, PATHS[wire], self._connections, self._redactor)
        reading = AnswerReading(self.dialect.reader, self._redactor.redact, self._long_keys)
        return service_of(wire, calls, RequestLines(asking._adapted_body), reading)

    def _adapted_body(self, prompt: PromptLike, stop: Stop, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body of a call, without what the endpoint turned out not to support."""
        body = self._body(prompt, stop, options)
        place = self.url, str(body.get("model", self.model))
        return AdaptedBody(body, place, self._connections.learned(), self._droppable.may_drop).fields

    async def aclose(self) -> None:
        """Close the connections, except those of a client that was given."""
        await self._connections.aclose()

    def _pieces(self, make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        return make() if self._connections.shared is not None else Here(make())

    async def _result(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await (work() if self._connections.shared is not None else there(work))

    async def _astream(
        self, prompt: PromptLike, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        body, head = self._body(prompt, stop, options), self._head
        client = await self._connections.client()
        model = str(body.get("model", self.model))
        adapted = AdaptedBody(body, (self.url, model), client.compat, self._droppable.may_drop)
        while True:
            request = written(adapted.fields)
            patience = SLOW_FIRST_BYTE_S if is_slow(adapted.fields) else FIRST_BYTE_S
            try:
                async with await client.post(
                    head.target, head.headers, request, first_byte=patience
                ) as answer:
                    if 200 <= answer.status < 300:
                        adapted.accept()
                        hints = parse_limits(answer.headers)
                        kept = kept_headers(answer.status, answer.headers, self._redactor.redact)
                        if hints is not None or kept:
                            yield Delta(hints=hints, headers=kept, at=monotonic())
                        mask = AnswerMask(self._long_keys)
                        first = mask.first
                        reader = self.dialect.reader(answer.headers, self._redactor.redact)
                        while (piece := await next_piece(answer, reader)) is not None:
                            for delta in reader.feed(piece, monotonic()):
                                if first in delta.text or delta.reasoning or delta.message or mask.waits:
                                    yield mask.mask(delta)
                                else:
                                    yield delta
                        for delta in reader.close(monotonic(), eof_ends=self.terminal_eof):
                            yield mask.mask(delta)
                        rest = mask.rest(monotonic())
                        if rest is not None:
                            yield rest
                        return
                    refusal = await self._refusal(answer)
                refusal.discount(request)
                adapted.change_after(refusal)
            except Failure as failure:
                failure.discount(request)
                self._explain(failure, model, client)
                raise

    async def _candidates(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> list[Generation]:
        if not is_several(merge_options(self._given, options).get("n")):
            return await super()._candidates(prompt, stop=stop, **options)
        asking = copy(self)
        asking.dialect = SeveralAnswers(self.dialect)
        tried = 0
        while True:
            found: list[Generation] = []
            try:
                async for delta in asking._astream(prompt, stop=stop, **{**options, "stream": False}):
                    if delta.hints is None and not delta.headers:
                        gathered = Gathering()
                        gathered.add(delta)
                        found.append(gathered.answer())
                return found
            except Failure as failure:
                await wait_to_retry(failure, tried, self.max_retries)
            tried += 1

    async def _refusal(self, answer: HttpResponse) -> Failure:
        body, is_cut = await start_of(answer)
        redact = self._redactor.redact
        return from_response(answer.status, answer.headers, body, redact=redact, is_cut=is_cut)

    def _explain(self, failure: Failure, model: str, client: HttpClient) -> None:
        """Say what was asked where that may be the fault; take out what must not be seen."""
        message = failure.message
        of_place = failure.status in (404, 405) or failure.kind is FailureKind.CONFIG
        if failure.status is not None and (of_place or failure.about_model):
            message = f"{message} (asked was {self.url}, model {model})"
        failure.reword(client.redact(self._redactor.redact(message)))

    def _body(self, prompt: PromptLike, stop: Stop, options: Mapping[str, Any]) -> dict[str, Any]:
        merged = dict(merge_options(self._given, options))
        if isinstance(prompt, Body):
            if prompt.wire == self.dialect.wire:
                return self._as_it_stands(prompt, stop or self._stop, merged)
            merged = dict(merge_options(merged, prompt.options))
        elif not has_token_limit(merged):
            merged["max_tokens"] = self.default_max_tokens
        streamed = bool(merged.pop("stream", self.streaming))
        if streamed and is_several(merged.get("n")):
            raise Failure(FailureKind.REQUEST, "a stream has one answer: leave n out, or use generate")
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
