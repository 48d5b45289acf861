"""Options that a server refuses: asked again under another name, or without, and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from llmdash.llms import Failure, FailureKind
from llmdash.llms.messages import Body
from llmdash.llms.transport.http import HttpClient
from tests.llms.wire.refusals import SPEECH

Refuse = Callable[[dict[str, Any]], dict[str, Any] | None]


class Picky(httpx.AsyncBaseTransport):
    """A server that refuses some bodies, and answers all others; `bodies` holds what was asked."""

    def __init__(self, dialect: str, refuse: Refuse, status: int = 400) -> None:
        self._speech = SPEECH[dialect]
        self._refuse = refuse
        self._status = status
        self.bodies: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        error = self._refuse(body)
        if error is not None:
            return httpx.Response(self._status, json=error)
        if not body.get("stream"):
            return httpx.Response(200, json=self._speech.document("Hello"))
        stream = self._speech.before + self._speech.piece("Hello") + self._speech.after
        return httpx.Response(200, content=stream)


def unsupported(option: str, words: str, *, code: str | None = "unsupported_parameter") -> Refuse:
    """Refuses bodies with this option, as OpenAI does."""

    def refuse(body: dict[str, Any]) -> dict[str, Any] | None:
        error = {
            "message": words,
            "type": "invalid_request_error",
            "param": option if code else None,
            "code": code,
        }
        return {"error": error} if option in body else None

    return refuse


async def ask(dialect: str, server: Picky, times: int = 1, **settings: Any) -> list[str]:
    llm = SPEECH[dialect].make(server, **settings)
    return [(await llm.agenerate(["hi"])).generations[0][0].text for _ in range(times)]


RENAMED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("dialect", ["chat", "completions"])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (RENAMED, "unsupported_parameter"),
        (RENAMED, None),
        ("max_tokens is not supported by this model", None),
        ("Unrecognized request argument supplied: max_tokens", None),
        ("this model wants something else", "unsupported_parameter"),
    ],
)
async def test_a_limit_under_another_name_is_sent_under_it_and_remembered(
    dialect: str, words: str, code: str | None, *, streaming: bool
) -> None:
    server = Picky(dialect, unsupported("max_tokens", words, code=code))
    assert await ask(dialect, server, 3, streaming=streaming, max_tokens=9) == ["Hello"] * 3
    assert [body.get("max_tokens") for body in server.bodies] == [9, None, None, None]
    assert [body.get("max_completion_tokens") for body in server.bodies] == [None, 9, 9, 9]


@pytest.mark.case("wire", "no-max-tokens")
async def test_an_older_server_gets_the_older_name() -> None:
    server = Picky("chat", unsupported("max_completion_tokens", "unknown field", code="unknown_parameter"))
    assert await ask("chat", server, max_completion_tokens=9) == ["Hello"]
    assert server.bodies[-1]["max_tokens"] == 9


@pytest.mark.case("wire", "no-max-tokens")
async def test_what_one_key_learned_the_others_know_but_not_other_models() -> None:
    server = Picky("chat", unsupported("max_tokens", RENAMED))
    client = HttpClient(transport=server)
    for key in ("sk-one-0123456789abcdef", "sk-two-0123456789abcdef"):
        llm = SPEECH["chat"].make(server, client=client, api_key=key, max_tokens=9)
        await llm.agenerate(["hi"])
    assert len(server.bodies) == 3
    await SPEECH["chat"].make(server, client=client, max_tokens=9).agenerate(["hi"], model="another")
    assert len(server.bodies) == 5


@pytest.mark.case("wire", "no-max-tokens")
async def test_a_body_that_is_sent_as_it_stands_is_sent_again_too() -> None:
    server = Picky("chat", unsupported("max_tokens", RENAMED))
    body = Body("chat", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}, (), {})
    llm = SPEECH["chat"].make(server)
    assert (await llm.ainvoke(body)).text == "Hello"
    assert server.bodies[-1]["max_completion_tokens"] == 3


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize("dialect", ["chat", "completions"])
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "Unknown parameter: 'stream_options'.", "param": "stream_options"}},
        {"error": {"message": "include_usage is not allowed"}},
        {
            "error": {
                "message": "Extra fields",
                "param": "stream_options.include_usage",
                "code": "unknown_parameter",
            }
        },
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "stream_options"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
        {"message": "Stream options can only be defined when asked for"},
    ],
)
async def test_usage_is_not_asked_for_again_where_it_is_refused(
    dialect: str, status: int, error: dict[str, Any]
) -> None:
    server = Picky(dialect, lambda body: error if "stream_options" in body else None, status)
    assert await ask(dialect, server, 2) == ["Hello", "Hello"]
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize("dialect", list(SPEECH))
@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "no", "param": "stream", "code": "unsupported_value"}},
        {"error": {"message": "Streaming is not supported for this model."}},
        {"error": {"message": "'stream' does not support true with this model"}},
    ],
)
async def test_a_model_that_does_not_stream_is_asked_for_the_whole(
    dialect: str, error: dict[str, Any]
) -> None:
    server = Picky(dialect, lambda body: error if body.get("stream") else None)
    assert await ask(dialect, server, 2) == ["Hello", "Hello"]
    assert [bool(body.get("stream")) for body in server.bodies] == [True, False, False]
    assert "stream_options" not in server.bodies[1]


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize("dialect", list(SPEECH))
async def test_a_model_that_only_streams_is_asked_to(dialect: str) -> None:
    error = {"error": {"message": "This model only supports stream mode, please enable the stream parameter"}}
    server = Picky(dialect, lambda body: None if body.get("stream") else error)
    assert await ask(dialect, server, streaming=False) == ["Hello"]


TEMPERATURE = "'temperature' does not support 0.2 with this model. Only the default (1) value is supported."


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize("dialect", list(SPEECH))
@pytest.mark.parametrize("code", ["unsupported_value", None])
async def test_an_option_that_changes_the_answer_is_dropped_only_with_consent(
    dialect: str, code: str | None
) -> None:
    server = Picky(dialect, unsupported("temperature", TEMPERATURE, code=code))
    with pytest.raises(Failure) as caught:
        await ask(dialect, server, temperature=0.2)
    assert caught.value.kind is FailureKind.REQUEST
    assert TEMPERATURE in caught.value.message
    assert "drop_unsupported = true leaves out temperature" in caught.value.message
    assert len(server.bodies) == 1
    assert await ask(dialect, server, 2, temperature=0.2, drop_unsupported=True) == ["Hello", "Hello"]
    assert ["temperature" in body for body in server.bodies[1:]] == [True, False, False]


async def test_several_options_are_changed_one_after_the_other() -> None:
    refusals = [
        unsupported("max_tokens", RENAMED),
        unsupported("stream_options", "no"),
        unsupported("top_k", "no"),
    ]
    server = Picky("chat", lambda body: next((found for refuse in refusals if (found := refuse(body))), None))
    assert await ask("chat", server, 2, max_tokens=9, top_k=3, drop_unsupported=True) == ["Hello", "Hello"]
    assert len(server.bodies) == 5


async def test_a_server_that_refuses_whatever_is_sent_is_not_asked_for_ever() -> None:
    count = iter(range(100))
    options = {f"option_{n}": n for n in range(50)}
    server = Picky(
        "chat",
        lambda body: {"error": {"message": "no", "param": f"option_{next(count)}", "code": "unsupported"}},
    )
    with pytest.raises(Failure):
        await ask("chat", server, drop_unsupported=True, **options)
    assert len(server.bodies) == 5
    always = Picky(
        "chat", lambda body: {"error": {"message": RENAMED, "param": "max_tokens", "code": "unsupported"}}
    )
    with pytest.raises(Failure):
        await ask("chat", always, max_tokens=9)
    assert len(always.bodies) == 2


async def test_a_change_that_did_not_help_is_not_remembered() -> None:
    server = Picky("chat", lambda body: {"error": {"message": RENAMED if "max_tokens" in body else "no"}})
    llm = SPEECH["chat"].make(server, max_tokens=9)
    for _ in range(2):
        with pytest.raises(Failure):
            await llm.ainvoke("hi")
    assert ["max_tokens" in body for body in server.bodies] == [True, False, True, False]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            400,
            {
                "message": "temperature must be between 0 and 2",
                "param": "temperature",
                "code": "invalid_value",
            },
        ),
        (400, {"message": "messages: unknown role", "param": "messages"}),
        (400, {"message": "The model `m` is not supported"}),
        (403, {"message": "temperature is not supported"}),
        (429, {"message": "temperature is not supported"}),
        (500, {"message": "temperature is not supported"}),
        (400, {"message": "content filter: temperature not allowed", "code": "content_filter"}),
    ],
)
async def test_other_refusals_are_not_sent_again(status: int, error: dict[str, Any]) -> None:
    server = Picky("chat", lambda body: {"error": error}, status)
    with pytest.raises(Failure):
        await ask("chat", server, temperature=3, drop_unsupported=True)
    assert len(server.bodies) == 1
