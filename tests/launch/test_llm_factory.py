"""An endpoint of the settings becomes a model that speaks its dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from llmdash.config import ConfigError, EndpointSettings, Settings, Timeouts
from llmdash.config.connection import ConnectionSettings
from llmdash.launch.llm_factory import client_arguments, llm_arguments, recipe_of
from llmdash.llms.base import LLM
from llmdash.llms.dialects import DIALECTS
from llmdash.llms.messages import Body, Message
from llmdash.llms.recipe import Clients
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Secret
from tests.llms.canned import Canned, answer
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]

KEY = Secret("sk-canary-0123456789abcdef")
SPOKEN = ("openai-chat", "openai-completions", "openai-responses", "anthropic")
REPORTED = ("promptlayer-openai", "promptlayer-chat-openai")


def endpoint(dialect: str, **more: Any) -> EndpointSettings:
    return EndpointSettings("e", dialect, more.pop("base_url", "https://host/v1"), "sim-small", **more)


ANSWERS: dict[str, dict[str, Any]] = {
    "openai-chat": {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "openai-completions": {"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]},
    "openai-responses": {
        "object": "response",
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    },
    "anthropic": {
        "type": "message",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}
"""A whole answer in each wire format."""


def build_llm(
    endpoint: EndpointSettings,
    key: Secret | None,
    settings: Settings,
    client: HttpClient | None,
    optional: Mapping[str, Any] = MappingProxyType({}),
) -> LLM:
    return recipe_of(endpoint, key, settings, optional).build(client)


async def text_of(llm: LLM, prompt: str) -> str:
    return "".join([delta.text async for delta in llm.deltas(prompt)])


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_each_dialect_is_answered(simulator: Simulator, dialect: str) -> None:
    sim = simulator()
    client = HttpClient()
    try:
        llm = build_llm(
            endpoint(dialect, base_url=sim.base_url), Secret(sim.keys[0]), Settings(max_tokens=50), client
        )
        assert await text_of(llm, "Reply with OK")
    finally:
        await client.aclose()
    assert sim.stats()["by_key"][sim.keys[0]]["ok"] == 1


@pytest.mark.parametrize("dialect", REPORTED)
async def test_calls_of_promptlayer_are_reported(simulator: Simulator, dialect: str) -> None:
    sim = simulator()
    reported = endpoint(
        dialect, base_url=sim.base_url, promptlayer_key=Secret("pl-key"), promptlayer_base_url=sim.root
    )
    client = HttpClient()
    try:
        assert await text_of(build_llm(reported, Secret(sim.keys[0]), Settings(), client), "Reply with OK")
    finally:
        await client.aclose()
    assert sim.stats()["by_key"][sim.keys[0]]["ok"] == 1
    assert len(sim.fetch("/__sim__/tracked").json["reports"]) == 1


@pytest.mark.parametrize("dialect", SPOKEN)
def test_a_model_shows_no_key(dialect: str) -> None:
    llm = build_llm(endpoint(dialect), KEY, Settings(), None)
    assert llm.model == "sim-small"
    assert KEY.reveal() not in repr(llm)


@pytest.mark.parametrize("dialect", SPOKEN)
def test_an_endpoint_without_a_key_is_told(dialect: str) -> None:
    with pytest.raises(ConfigError, match=r"endpoint e: has no keys; put API_KEY=\.\.\. into \.env"):
        build_llm(endpoint(dialect), None, Settings(), None)


@pytest.mark.parametrize("dialect", REPORTED)
def test_promptlayer_without_its_key_is_told(dialect: str) -> None:
    with pytest.raises(ConfigError, match="has no key for PromptLayer; set PROMPTLAYER_API_KEY"):
        build_llm(endpoint(dialect), KEY, Settings(), None)


MODELS = """
from langchain_core.language_models import FakeListChatModel

chat = FakeListChatModel(responses=["Hello from the chain"])
"""


async def test_a_langchain_model_of_this_folder_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("langchain_core")
    (tmp_path / "endpoint_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    named = EndpointSettings("l", "langchain", "", "my-chain", target="endpoint_models:chat")
    llm = build_llm(named, None, Settings(), None)
    assert (llm.model, await text_of(llm, "Hi")) == ("my-chain", "Hello from the chain")
    asked = build_llm(named, None, Settings(options={"stop": ["from"]}), None)
    assert await text_of(asked, "Hi")
    unnamed = replace(named, model="endpoint_models:chat")
    assert build_llm(unnamed, None, Settings(), None).model != "endpoint_models:chat"


def test_a_langchain_model_that_cannot_be_found_is_told() -> None:
    with pytest.raises(Failure) as caught:
        build_llm(endpoint("langchain", target="llmdash_no_such_module:chat"), None, Settings(), None)
    assert caught.value.kind is FailureKind.CONFIG


async def test_a_server_that_ends_without_saying_so_can_be_believed(simulator: Simulator) -> None:
    sim = simulator()
    sim.control(sim.keys[0], quirks=["no_done", "no_finish"])
    client = HttpClient()
    careful = endpoint("openai-chat", base_url=sim.base_url)
    key = Secret(sim.keys[0])
    try:
        with pytest.raises(Failure, match="truncated"):
            await text_of(build_llm(careful, key, Settings(), client), "Reply with OK")
        believing = replace(careful, terminal_eof=True)
        assert await text_of(build_llm(believing, key, Settings(), client), "Reply with OK")
    finally:
        await client.aclose()


OPTIONS = {"top_p": 0.5, "seed": 3}


async def body_of(llm: LLM[Any, Any], transport: Canned, **options: Any) -> dict[str, Any]:
    """What the last request asked for."""
    async for _ in llm.deltas("Hi", **options):
        pass
    found: dict[str, Any] = transport.bodies()[-1]
    return found


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("dialect", "document"), ANSWERS.items())
async def test_options_of_run_and_endpoint_go_with_each_request(
    dialect: str, document: dict[str, Any], stream: bool
) -> None:
    transport = Canned(answer(json.dumps(document).encode(), content_type="application/json"))
    settings = Settings(options=OPTIONS, temperature=0.2, stream=stream)
    narrow = endpoint(dialect, options={"seed": 5, "user": "me"})
    llm = build_llm(narrow, KEY, settings, HttpClient(transport=transport))
    body = await body_of(llm, transport)
    assert {"top_p": 0.5, "seed": 5, "user": "me", "temperature": 0.2}.items() <= body.items()
    assert (await body_of(llm, transport, seed=7))["seed"] == 7


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize("narrower", ["max_tokens", "max_completion_tokens"])
async def test_a_token_limit_of_any_name_replaces_the_wider_one(narrower: str) -> None:
    transport = Canned(answer(json.dumps(ANSWERS["openai-chat"]).encode(), content_type="application/json"))
    client = HttpClient(transport=transport)
    for wider in ("max_tokens", "max_completion_tokens"):
        llm = build_llm(endpoint("openai-chat"), KEY, Settings(options={wider: 9}), client)
        body = await body_of(llm, transport, **{narrower: 5})
        limits = {name: value for name, value in body.items() if name.startswith("max_")}
        assert limits == {narrower: 5}


@pytest.mark.case("wire", "set-options")
async def test_stop_sequences_of_a_run_go_with_a_body_that_has_none() -> None:
    transport = Canned(answer(json.dumps(ANSWERS["openai-chat"]).encode(), content_type="application/json"))
    settings = Settings(options={"stop": ["END"]})
    llm = build_llm(endpoint("openai-chat"), KEY, settings, HttpClient(transport=transport))
    messages = [{"role": "user", "content": "Hi"}]
    for own, wanted in (({}, ["END"]), ({"stop": ["X"]}, ["X"])):
        async for _ in llm.deltas(Body("chat", {"messages": messages, **own}, (Message("user", "Hi"),), {})):
            pass
        assert transport.bodies()[-1]["stop"] == wanted


@pytest.mark.case("wire", "headers-query-auth")
def test_headers_query_and_auth_become_arguments_of_the_model() -> None:
    secret = Secret("org-secret")
    given = endpoint(
        "openai-chat",
        headers={"X-A": "a", "X-B": secret},
        query={"v": "1"},
        auth="header:api-key",
        drop_unsupported=True,
        timeouts=Timeouts(total=5),
    )
    arguments = llm_arguments(given, Settings(stream=False))
    assert arguments == {
        "base_url": "https://host/v1",
        "streaming": False,
        "headers": {"X-A": "a", "X-B": secret},
        "query": {"v": "1"},
        "auth": "header:api-key",
        "drop_unsupported": True,
    }
    assert set(llm_arguments(endpoint("openai-chat"), Settings())) == {"base_url", "streaming"}
    assert recipe_of(given, KEY, Settings()).timeouts == Timeouts(total=5)


@pytest.mark.case("wire", "proxy-ca")
def test_a_connection_becomes_arguments_of_the_client() -> None:
    assert client_arguments(ConnectionSettings()) == {}
    secret = Secret("http://u:p@proxy:1")
    full = ConnectionSettings(secret, "ca.pem", "cert.pem", "key.pem")
    assert client_arguments(full) == {
        "proxy": secret,
        "ca_file": "ca.pem",
        "client_cert": "cert.pem",
        "client_key": "key.pem",
    }


@pytest.mark.case("wire", "proxy-ca")
async def test_endpoints_that_agree_share_their_connections() -> None:
    def client_of(given: EndpointSettings) -> HttpClient:
        recipe = recipe_of(given, KEY, Settings())
        return clients.client(recipe.connection, recipe.timeouts)

    clients = Clients()
    plain, other = endpoint("openai-chat"), endpoint("anthropic")
    slow = endpoint("openai-chat", timeouts=Timeouts(first_byte=300))
    behind = endpoint("openai-chat", connection=ConnectionSettings(Secret("http://u:p@127.0.0.1:1")))
    try:
        assert client_of(plain) is client_of(other)
        assert client_of(slow) is not client_of(plain)
        assert client_of(behind) is client_of(behind)
        assert client_of(slow).timeouts.first_byte == 300
    finally:
        await clients.aclose()


def test_every_dialect_is_covered_here() -> None:
    assert {*SPOKEN, *REPORTED, "langchain"} == set(DIALECTS)
