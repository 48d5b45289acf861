"""OpenAI's models with a report of every call to PromptLayer (its `track-request` endpoint)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any, ClassVar

from llmdash.lean_dataclass import dataclass
from llmdash.llms.answer_pieces import start_of
from llmdash.llms.base import Piece, Stop, Whole
from llmdash.llms.completions import COMPLETIONS, OpenAI
from llmdash.llms.dialects import PROMPTLAYER
from llmdash.llms.gathering import Gathering
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, Generation, PromptLike, Usage
from llmdash.llms.openai import CHAT_COMPLETIONS, ChatOpenAI
from llmdash.llms.request_body import written
from llmdash.llms.request_head import HeaderList
from llmdash.llms.shapes import PLAIN, Shape
from llmdash.llms.transport.connections import Connections
from llmdash.llms.wire.dialect import Dialect, below
from llmdash.llms.wire.documents import as_json
from llmdash.llms.wire.failures import Failure, from_response
from llmdash.secrets import Redactor, Secret

__all__ = [
    "PROMPTLAYER",
    "PromptLayerChatOpenAI",
    "PromptLayerOpenAI",
    "ReportForm",
    "ReportedLLM",
    "Reporter",
]

_REPORT_LIMIT_S = 10.0
_NOT_REPORTED = ("stream", "stream_options")
_UNREPORTED = "unreported"


@dataclass(frozen=True, slots=True)
class ReportForm:
    """How a call is reported: the function name that PromptLayer knows, and what that function would have
    returned for this model and answer.
    """

    function: str
    response: Callable[[str, Generation], dict[str, Any]]


class Reporter:
    """Reports each call once. A report that fails does not fail the call: it is counted in `failed`, and
    `last_error` says why.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        form: ReportForm,
        tags: Sequence[str] | None,
        key: str | Secret | None,
        base_url: str | None,
    ) -> None:
        self.url = below(PROMPTLAYER.address(base_url), "/track-request")
        self.sent = 0
        self.failed = 0
        self.last_error: str | None = None
        self._connections = connections
        self._form = form
        self._tags = list(tags or ())
        self._secret = PROMPTLAYER.key(key, "promptlayer_api_key")
        self._redactor = Redactor((self._secret,))

    async def follow(
        self, deltas: AsyncGenerator[Delta, None], asked: Callable[[], Mapping[str, Any]], give_id: bool
    ) -> AsyncGenerator[Delta, None]:
        """Yield the Deltas as they arrive, then send the report. With `give_id` its number comes last, as
        `pl_request_id` in the `info` of a Delta. An answer whose report fails is flagged `unreported`.
        """
        begun, gathered = time.time(), Gathering()
        async with aclosing(deltas):
            async for delta in deltas:
                gathered.add(delta)
                yield delta
        answer = gathered.answer()
        reply = await self._report(asked(), answer, begun)
        if reply is None:
            yield Delta(at=monotonic(), message=answer.message, flags=(*answer.flags, _UNREPORTED))
        elif give_id and reply.get("request_id") is not None:
            yield Delta(at=monotonic(), info={"pl_request_id": reply["request_id"]})

    async def _report(
        self, asked: Mapping[str, Any], answer: Generation, begun: float
    ) -> Mapping[str, Any] | None:
        """The reply to the report, None if it failed."""
        self.sent += 1
        try:
            async with asyncio.timeout(_REPORT_LIMIT_S):
                return await self._post(self._document(asked, answer, begun))
        except TimeoutError:
            why = f"no answer within {_REPORT_LIMIT_S:g} s"
        except Failure as failure:
            why = str(failure)
        self.failed += 1
        self.last_error = self._redactor.redact(f"{why} (asked was {self.url})")
        return None

    async def _post(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        client = await self._connections.client()
        async with await client.post(self.url, HeaderList(), written(document)) as reply:
            body, is_cut = await start_of(reply)
            if reply.status == 200:
                found = as_json(body)
                return found if isinstance(found, dict) else {}
            redact = self._redactor.redact
            raise from_response(reply.status, reply.headers, body, redact=redact, is_cut=is_cut)

    def _document(self, asked: Mapping[str, Any], answer: Generation, begun: float) -> dict[str, Any]:
        """What is reported; times are in seconds since 1970."""
        kwargs = {name: value for name, value in asked.items() if name not in _NOT_REPORTED}
        return {
            "function_name": self._form.function,
            "provider_type": "openai",
            "args": [],
            "kwargs": kwargs,
            "tags": self._tags,
            "request_response": self._form.response(str(asked.get("model", "")), answer),
            "request_start_time": begun,
            "request_end_time": max(begun, time.time()),
            "metadata": {},
            "api_key": self._secret.reveal(),
        }


class ReportedLLM(HttpLLM[Whole, Piece]):
    """A model of OpenAI, every answer of which is reported to PromptLayer.

    | argument | meaning |
    |---|---|
    | `pl_tags` | go with every report |
    | `return_pl_id` | True: the report's number is found in `generation_info["pl_request_id"]` |
    | `promptlayer_api_key` | else from `PROMPTLAYER_API_KEY` |
    | `promptlayer_base_url` | else from `PROMPTLAYER_BASE_URL`, else the public one |

    The other arguments are those of HttpLLM. A report that fails never fails the call: `reports_failed`
    counts them, `reports.last_error` is the reason of the last one.
    """

    form: ClassVar[ReportForm]

    def __init__(
        self,
        model: str | None = None,
        *,
        pl_tags: Sequence[str] | None = None,
        return_pl_id: bool = False,
        promptlayer_api_key: str | Secret | None = None,
        promptlayer_base_url: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(model, **settings)
        self.return_pl_id = return_pl_id
        self.reports = Reporter(
            self._connections,
            form=self.form,
            tags=pl_tags,
            key=promptlayer_api_key,
            base_url=promptlayer_base_url,
        )

    @property
    def reports_failed(self) -> int:
        """The number of reports that did not reach PromptLayer."""
        return self.reports.failed

    def batches(self) -> None:
        """Return no batch service: its answers could not be reported."""

    def _astream(
        self, prompt: PromptLike, *, stop: Stop = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        deltas = super()._astream(prompt, stop=stop, **options)
        return self.reports.follow(deltas, lambda: self._body(prompt, stop, options), self.return_pl_id)


def _completion(model: str, answer: Generation) -> dict[str, Any]:
    return _response("text_completion", model, answer, {"text": answer.text})


def _chat_completion(model: str, answer: Generation) -> dict[str, Any]:
    said = {"message": answer.message or {"role": "assistant", "content": answer.text}}
    return _response("chat.completion", model, answer, said)


def _response(kind: str, model: str, answer: Generation, said: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in the form of OpenAI's whole response."""
    usage = answer.usage or Usage(0, 0)
    return {
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, **said, "finish_reason": answer.finish_reason}],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    }


class PromptLayerOpenAI(ReportedLLM[str, str]):
    """`OpenAI` that reports every answer to PromptLayer; ReportedLLM says how.

    >>> llm = PromptLayerOpenAI(pl_tags=["greeting"], return_pl_id=True)
    >>> answer = llm.generate(["Hello, how are you?"]).generations[0][0]
    >>> type(answer.generation_info["pl_request_id"])
    <class 'int'>
    """

    dialect: Dialect = COMPLETIONS
    shape: ClassVar[Shape[str, str]] = PLAIN
    default_model: ClassVar[str] = OpenAI.default_model
    default_max_tokens: ClassVar[int | None] = OpenAI.default_max_tokens
    form: ClassVar[ReportForm] = ReportForm("openai.OpenAI.completions.create", _completion)


class PromptLayerChatOpenAI(ReportedLLM[Generation, Delta]):
    """`ChatOpenAI` (chat completions) that reports every answer to PromptLayer; ReportedLLM says how.

    >>> llm = PromptLayerChatOpenAI(return_pl_id=True)
    >>> answer = llm.invoke("What is 2 + 3 x 4?")
    >>> answer.content, "pl_request_id" in answer.generation_info
    ('2 + 3 x 4 = 14.', True)
    """

    dialect: Dialect = CHAT_COMPLETIONS
    default_model: ClassVar[str] = ChatOpenAI.default_model
    form: ClassVar[ReportForm] = ReportForm("openai.OpenAI.chat.completions.create", _chat_completion)
