"""OpenAI's chat models, by chat completions, which many compatible servers speak too, or by Responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from llmdash.llms.dialects import OPENAI
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import Delta, Generation, as_messages
from llmdash.llms.turns import as_items
from llmdash.llms.wire.chat import ChatReader
from llmdash.llms.wire.dialect import Dialect, Header, Request, bearer, below
from llmdash.llms.wire.responses import ResponsesReader
from llmdash.secrets import Secret

__all__ = ["CHAT_COMPLETIONS", "OPENAI", "RESPONSES", "ChatOpenAI"]


class ChatCompletions:
    """`POST {base_url}/chat/completions`."""

    provider = OPENAI
    wire = "chat"

    def url(self, base_url: str) -> str:
        return below(base_url, "/chat/completions")

    def headers(self, secret: Secret) -> Sequence[Header]:
        return (bearer(secret),)

    def body(self, request: Request) -> dict[str, Any]:
        body = {"model": request.model, "messages": as_messages(request.prompt), **request.options}
        return with_stream(body, request)

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> ChatReader:
        return ChatReader(headers, redact)


class Responses:
    """`POST {base_url}/responses`, with the option names of chat completions where it has others."""

    provider = OPENAI
    wire = "responses"

    def url(self, base_url: str) -> str:
        return below(base_url, "/responses")

    def headers(self, secret: Secret) -> Sequence[Header]:
        return (bearer(secret),)

    def body(self, request: Request) -> dict[str, Any]:
        options = dict(request.options)
        most = [options.pop(name, None) for name in ("max_tokens", "max_completion_tokens")]
        options.setdefault("max_output_tokens", next((count for count in most if count is not None), None))
        said = {"model": request.model, "input": as_items(as_messages(request.prompt))}
        return {**said, "stream": request.streamed or None, "stop": request.stop, **options}

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> ResponsesReader:
        return ResponsesReader(headers, redact)


def with_stream(body: dict[str, Any], request: Request) -> dict[str, Any]:
    """`body` with the stop sequences and, if a stream is asked for, its usage asked for too."""
    if request.stop:
        body["stop"] = request.stop
    if request.streamed:
        body["stream"] = True
        body.setdefault("stream_options", {"include_usage": True})
    return body


CHAT_COMPLETIONS = ChatCompletions()
RESPONSES = Responses()


class ChatOpenAI(HttpLLM[Generation, Delta]):
    """A chat model of OpenAI, or of a server compatible with it.

    `use_responses_api=True` asks the Responses API in place of chat completions. `api_key` and `base_url`
    come from `OPENAI_API_KEY` and `OPENAI_BASE_URL` (or `OPENAI_API_BASE`) where they are not given;
    `HttpLLM` says what the other arguments are.

    >>> llm = ChatOpenAI(temperature=0.9)
    >>> for chunk in llm.stream("What is 2 + 3 x 4?"):
    ...     print(chunk.content, end="|", flush=True)  # doctest: +ELLIPSIS
    2|...|
    >>> ChatOpenAI(use_responses_api=True).invoke("What is 2 + 3 x 4?").content
    '2 + 3 x 4 = 14.'
    """

    dialect: Dialect = CHAT_COMPLETIONS
    default_model: ClassVar[str] = "gpt-4o-mini"

    def __init__(self, model: str | None = None, *, use_responses_api: bool = False, **settings: Any) -> None:
        if use_responses_api:
            self.dialect = RESPONSES
        super().__init__(model, **settings)
