"""Strict servers refuse the fields that the provider does not publish, and values of a wrong type."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

from llmdash.simulator.strictness import FIELDS
from tests.simulated import Simulated
from tests.simulator.frames import PATHS
from tests.simulator.in_process import InProcess

EVERY = tuple(PATHS)
SDK: dict[str, tuple[type, ...]] = {
    "chat": (chat_create_params.CompletionCreateParamsStreaming,),
    "completions": (completion_create_params.CompletionCreateParamsStreaming,),
    "responses": (response_create_params.ResponseCreateParamsStreaming,),
    "embeddings": (embedding_create_params.EmbeddingCreateParams,),
    "count_tokens": (message_count_tokens_params.MessageCountTokensParams,),
    "messages": (
        message_create_params.MessageCreateParamsStreaming,
        beta_message_create_params.MessageCreateParamsStreaming,
    ),
}
# Published still, though not by these versions of the SDKs.
OLDER = {
    "messages": {"temperature", "top_k", "top_p", "output_format"},
    "count_tokens": {"context_management", "mcp_servers", "output_format"},
}


@pytest.mark.parametrize("name", list(SDK))
def test_the_fields_are_those_of_the_official_sdks(name: str) -> None:
    published: set[str] = set()
    for params in SDK[name]:
        published |= set(get_type_hints(params))
    assert published - set(FIELDS[name]) == set()
    assert set(FIELDS[name]) - published <= OLDER.get(name, set())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", EVERY)
async def test_an_unknown_field_is_refused_by_its_name(dialect: str, stream: bool) -> None:
    reply = await InProcess(strict=True).ask(dialect, stream=stream, foo=1)
    assert reply.status == 400
    if dialect == "messages":
        assert reply.json["type"] == "error"
        assert reply.json["error"] == {
            "type": "invalid_request_error",
            "message": "foo: Extra inputs are not permitted",
        }
    else:
        assert reply.json == {
            "error": {
                "message": "Unrecognized request argument supplied: foo",
                "type": "invalid_request_error",
                "param": "foo",
                "code": None,
            }
        }
    assert (await InProcess().ask(dialect, stream=stream, foo=1)).status == 200


@pytest.mark.parametrize(
    ("dialect", "field", "value", "message"),
    [
        ("chat", "temperature", "warm", "Invalid type for 'temperature': Expected `float | null`, got `str`"),
        ("chat", "max_tokens", 1.5, "Invalid type for 'max_tokens'"),
        ("completions", "echo", "yes", "Invalid type for 'echo'"),
        ("responses", "tools", {}, "Invalid type for 'tools'"),
        ("responses", "metadata", [], "Invalid type for 'metadata'"),
        ("messages", "system", 3, "system: Input has a wrong type"),
        ("messages", "max_tokens", None, "max_tokens: Input has a wrong type"),
    ],
)
async def test_a_value_of_a_wrong_type_is_refused(dialect: str, field: str, value: Any, message: str) -> None:
    reply = await InProcess(strict=True).ask(dialect, **{field: value})
    assert (reply.status, message in reply.json["error"]["message"]) == (400, True)
    if dialect != "messages":
        assert (reply.json["error"]["param"], reply.json["error"]["code"]) == (field, "invalid_type")


async def test_several_unknown_fields_are_named_together() -> None:
    reply = await InProcess(strict=True).ask("chat", foo=1, bar=2)
    assert reply.json["error"]["message"] == "Unrecognized request arguments supplied: foo, bar"


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ("chat", "Unknown parameter: 'messages[0].time'."),
        ("messages", "messages.0.time: Extra inputs are not permitted"),
    ],
)
async def test_an_unknown_field_of_a_message_is_refused(dialect: str, message: str) -> None:
    messages = [{"role": "user", "content": "Hi", "time": 3}]
    reply = await InProcess(strict=True).ask(dialect, messages=messages)
    assert (reply.status, reply.json["error"]["message"]) == (400, message)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b'{"a":' * 100_000, b'{"messages": 3, "model": "m"}'])
@pytest.mark.parametrize("dialect", EVERY)
async def test_what_is_no_request_is_refused_as_ever(dialect: str, raw: bytes) -> None:
    reply = await InProcess(strict=True).send("POST", PATHS[dialect], raw, "key-a")
    assert reply.status == 400


def test_the_simulators_of_the_tests_are_strict(shared_simulator: Simulated) -> None:
    assert shared_simulator.ask("Hi", foo=1).status == 400
    assert shared_simulator.ask("Hi", temperature=0.5).status == 200
