"""OpenAI's text completions: the dialect before chat completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from llmdash.llms.dialects import OPENAI
from llmdash.llms.http_llm import HttpLLM
from llmdash.llms.messages import PromptLike, as_messages, role_of, text_of
from llmdash.llms.openai import with_stream
from llmdash.llms.shapes import PLAIN, Shape
from llmdash.llms.wire.chat import CompletionReader
from llmdash.llms.wire.dialect import Dialect, Header, Request, bearer, below
from llmdash.secrets import Secret

__all__ = ["COMPLETIONS", "OpenAI", "flattened"]

_SPEAKERS = {"user": "Human", "assistant": "AI", "system": "System", "developer": "System", "tool": "Tool"}


class Completions:
    """`POST {base_url}/completions`."""

    provider = OPENAI
    wire = "completions"

    def url(self, base_url: str) -> str:
        return below(base_url, "/completions")

    def headers(self, secret: Secret) -> Sequence[Header]:
        return (bearer(secret),)

    def body(self, request: Request) -> dict[str, Any]:
        return with_stream(
            {"model": request.model, "prompt": flattened(request.prompt), **request.options}, request
        )

    def reader(self, headers: Mapping[str, str], redact: Callable[[str], str]) -> CompletionReader:
        return CompletionReader(headers, redact)


def flattened(prompt: PromptLike) -> str:
    """Return a prompt as one text: a single user message as it is, a conversation one line a message.

    >>> flattened("Hello")
    'Hello'
    >>> print(flattened([("system", "Be brief."), ("user", "Hello")]))
    System: Be brief.
    Human: Hello
    """
    messages = as_messages(prompt)
    if len(messages) == 1 and role_of(messages[0]) == "user":
        return text_of(messages[0])
    said = ((role_of(one), text_of(one)) for one in messages)
    return "\n".join(f"{_SPEAKERS.get(role, role)}: {text}" for role, text in said)


COMPLETIONS = Completions()


class OpenAI(HttpLLM[str, str]):
    """A model that completes a text, of OpenAI or of a server compatible with it. Answers are `str`.

    `api_key` and `base_url` come from `OPENAI_API_KEY` and `OPENAI_BASE_URL` (or `OPENAI_API_BASE`) where
    they are not given; `HttpLLM` says what the other arguments are. `max_tokens` is 256 unless given, since
    the server's own limit is 16.

    >>> llm = OpenAI(temperature=0.9)
    >>> llm.invoke("What is 2 + 3 x 4?")
    '2 + 3 x 4 = 14.'
    >>> resp = llm.generate(["What is 2 + 3 x 4?"])
    >>> resp.generations[0][0].text
    '2 + 3 x 4 = 14.'
    """

    dialect: Dialect = COMPLETIONS
    shape: ClassVar[Shape[str, str]] = PLAIN
    default_model: ClassVar[str] = "gpt-3.5-turbo-instruct"
    default_max_tokens: ClassVar[int | None] = 256
