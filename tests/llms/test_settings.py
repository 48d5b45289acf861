"""How models are made: names of arguments and variables as the ecosystem has them."""

from __future__ import annotations

import pytest

import llmdash.llms as public
from llmdash.llms.anthropic import Anthropic, ChatAnthropic
from llmdash.llms.completions import OpenAI
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.promptlayer import PromptLayerChatOpenAI, PromptLayerOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret
from tests.llms.canned import KEY, Canned, answer, chat, chunk

Remote = OpenAI | ChatOpenAI | Anthropic | ChatAnthropic | PromptLayerOpenAI | PromptLayerChatOpenAI
REMOTE = [OpenAI, ChatOpenAI, Anthropic, ChatAnthropic, PromptLayerOpenAI, PromptLayerChatOpenAI]
OPENAI = [OpenAI, ChatOpenAI, PromptLayerOpenAI, PromptLayerChatOpenAI]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROMPTLAYER_API_KEY", KEY)


@pytest.mark.parametrize("kind", REMOTE)
def test_all_take_the_same_arguments(kind: type[Remote]) -> None:
    llm = kind(
        "m",
        api_key=Secret(KEY),
        base_url="http://x.test/v1",
        temperature=0.5,
        max_tokens=9,
        streaming=False,
        timeouts=Timeouts(),
        client=HttpClient(transport=Canned(answer())),
    )
    assert (llm.model, llm.streaming, llm.max_retries) == ("m", False, 2)
    assert llm.url.startswith("http://x.test/v1/")
    assert llm.event_facts()["ls_temperature"] == 0.5


@pytest.mark.parametrize("kind", REMOTE)
def test_a_model_has_a_default(kind: type[Remote]) -> None:
    assert kind(api_key=KEY).model == kind.default_model


@pytest.mark.parametrize("kind", OPENAI)
def test_openai_under_its_other_names(kind: type[Remote]) -> None:
    llm = kind(model_name="m", openai_api_key=KEY, openai_api_base="http://x.test/v1", request_timeout=5)
    assert (llm.model, llm.url.startswith("http://x.test/v1/")) == ("m", True)


@pytest.mark.parametrize("kind", [Anthropic, ChatAnthropic])
def test_anthropic_under_its_other_names(kind: type[Remote]) -> None:
    llm = kind(model_name="m", anthropic_api_key=KEY, anthropic_api_url="http://x.test")
    assert (llm.model, llm.url) == ("m", "http://x.test/v1/messages")


@pytest.mark.parametrize("kind", OPENAI)
@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
def test_openai_from_the_environment(kind: type[Remote], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no API key: give api_key, or set OPENAI_API_KEY"):
        kind()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert kind().url.startswith("https://api.openai.com/v1/")
    monkeypatch.setenv(name, "http://x.test/v1")
    assert kind().url.startswith("http://x.test/v1/")


@pytest.mark.parametrize("kind", REMOTE)
def test_a_key_that_is_given_empty_is_not_made_up_for(
    kind: type[Remote], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls shall not go out with another key than the one asked for."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with pytest.raises(ValueError, match="no API key"):
        kind(api_key="")


@pytest.mark.parametrize("kind", [Anthropic, ChatAnthropic])
def test_anthropic_from_the_environment(kind: type[Remote], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no API key: give api_key, or set ANTHROPIC_API_KEY"):
        kind()
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert kind().url == "https://api.anthropic.com/v1/messages"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://x.test/v1")
    assert kind().url == "http://x.test/v1/messages"


async def test_further_options_go_out_with_every_request() -> None:
    transport = Canned(answer(chunk("Hello", "stop")))
    llm = chat(transport, top_p=0.5, model_kwargs={"seed": 7}, stop=["x"])
    await llm.ainvoke("hi", seed=8)
    await llm.ainvoke("hi", stop=["y"])
    first, second = transport.bodies()
    assert (first["top_p"], first["seed"], first["stop"]) == (0.5, 8, ["x"])
    assert (second["seed"], second["stop"]) == (7, ["y"])


def test_the_package_gives_what_it_names_and_nothing_else() -> None:
    assert sorted(public.__all__) == sorted(
        {
            *("LLM", "Anthropic", "ChatAnthropic", "ChatOpenAI", "LangChainLLM", "OpenAI"),
            *("PromptLayerChatOpenAI", "PromptLayerOpenAI"),
            *("Delta", "Failure", "FailureKind", "Generation", "Hints", "LLMResult", "Message"),
            *("Timeouts", "Usage"),
        }
    )
    assert all(getattr(public, name).__name__ == name for name in public.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = public.Nothing
