"""An endpoint of the settings becomes a model that speaks its dialect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.config import ConfigError, EndpointSettings, Settings
from llmdash.launch.llm_factory import build_llm
from llmdash.llms.base import LLM
from llmdash.llms.dialects import DIALECTS
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Secret
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]

KEY = Secret("sk-canary-0123456789abcdef")
SPOKEN = ("openai-chat", "openai-completions", "openai-responses", "anthropic")
REPORTED = ("promptlayer-openai", "promptlayer-chat-openai")


def endpoint(dialect: str, **more: Any) -> EndpointSettings:
    return EndpointSettings("e", dialect, more.pop("base_url", "https://host/v1"), "sim-small", **more)


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


def test_every_dialect_is_covered_here() -> None:
    assert {*SPOKEN, *REPORTED, "langchain"} == set(DIALECTS)
