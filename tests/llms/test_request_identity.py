"""Two requests are the same where no server could tell them apart, but for who sends them and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.anthropic import ChatAnthropic
from llmdash.llms.base import LLM
from llmdash.llms.completions import OpenAI
from llmdash.llms.messages import Body, Message
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.promptlayer import PromptLayerChatOpenAI
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.request_identity import RequestIdentity, identity_of, place_of
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret
from tests.engine.pools import Silent

URL = "http://127.0.0.1:8000/v1"
HELLO = (Message("user", "Hello"),)


def chat(**settings: Any) -> ChatOpenAI:
    wanted: dict[str, Any] = {"api_key": "sk-one-key-0123456789", "base_url": URL, "temperature": 0}
    return ChatOpenAI("m", **{**wanted, **settings})


def of(llm: LLM[Any, Any], prompt: Any = HELLO, **options: Any) -> RequestIdentity:
    found = llm.identity(prompt, **options)
    assert found is not None
    assert len(found.digest) == 16
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "sk-another-key-0123456789"},
        {"streaming": False},
        {"base_url": f"{URL}/"},
        {"base_url": "HTTP://127.0.0.1:8000/v1"},
        {"base_url": "http://user:word@127.0.0.1:8000/v1"},
        {"temperature": 0.0},
        {"timeout": 3.0},
        {"max_retries": 9},
        {"headers": {"Idempotency-Key": "run-7-job-3"}},
        {"query": {"api-key": Secret("sk-secret-0123456789")}},
        {"base_url": f"{URL}?api_key=abc"},
        {"terminal_eof": True},
    ],
    ids=str,
)
def test_what_is_not_asked_decides_nothing(settings: dict[str, Any]) -> None:
    assert of(chat(**settings)) == of(chat())


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://127.0.0.1:8001/v1"},
        {"base_url": "https://127.0.0.1:8000/v1"},
        {"base_url": f"{URL}?version=2"},
        {"query": {"api-version": "2"}},
        {"max_tokens": 5},
        {"stop": ["x"]},
        {"model_kwargs": {"seed": 1}},
        {"drop_unsupported": True},
        {"model_kwargs": {"temperature": 1}},
        {"use_responses_api": True},
    ],
    ids=str,
)
def test_what_is_asked_decides(settings: dict[str, Any]) -> None:
    assert of(chat(**settings)).digest != of(chat()).digest


def test_the_model_and_the_prompt_decide() -> None:
    others = (of(chat()), of(chat(), model="n"), of(chat(), (Message("user", "hello"),)))
    assert len({each.digest for each in others}) == 3


def test_the_order_of_names_decides_nothing() -> None:
    one, other = ({"b": {"y": 1, "x": [2, 3]}, "a": "t"}, {"a": "t", "b": {"x": [2, 3], "y": 1}})
    assert of(chat(model_kwargs=one)) == of(chat(model_kwargs=other))
    assert of(chat(query={"b": "1", "a": "2"})) == of(chat(query={"a": "2", "b": "1"}))


@pytest.mark.parametrize(("temperature", "is_sampled"), [(0, False), (0.0, False), (None, True), (0.7, True)])
def test_an_answer_is_sampled_unless_the_temperature_is_0(temperature: Any, is_sampled: bool) -> None:
    assert of(chat(temperature=temperature)).is_sampled is is_sampled


@pytest.mark.parametrize("kind", [ChatOpenAI, OpenAI, ChatAnthropic, PromptLayerChatOpenAI])
def test_every_dialect_has_an_identity_for_each_of_its_requests(kind: Any) -> None:
    more = {"promptlayer_api_key": "pl-0123456789"} if kind is PromptLayerChatOpenAI else {}
    llm = kind("m", api_key="sk-one-key-0123456789", base_url=URL, **more)
    assert of(llm) == of(llm)
    assert of(llm) != of(llm, "another")


def test_a_body_that_stands_in_the_input_is_the_request_that_it_is_sent_as() -> None:
    fields = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0}
    assert of(chat(temperature=None), Body("chat", fields, HELLO, {})) == of(chat())
    assert not of(chat(temperature=1), Body("chat", fields, HELLO, {})).is_sampled


def test_a_worker_would_make_the_same_request() -> None:
    arguments = {"base_url": URL, "temperature": 0.0}
    recipe = ModelRecipe("openai-chat", "m", Timeouts(), arguments, key=Secret("sk-any-key-0123456789"))
    assert of(recipe.build(None)) == of(chat())


def test_what_is_made_by_code_of_others_has_none() -> None:
    assert Silent().identity(HELLO) is None


@pytest.mark.parametrize("options", [{"x": object()}, {"x": "\ud800"}, {"n": 3}])
def test_what_cannot_be_sent_has_none(options: dict[str, Any]) -> None:
    assert chat().identity(HELLO, **options) is None


@given(st.text(), st.text())
def test_no_address_is_too_strange(wire: str, url: str) -> None:
    assert len(place_of(wire, url)) == 16


@given(st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False) | st.integers() | st.booleans()))
def test_equal_bodies_have_equal_digests_in_any_order(body: dict[str, Any]) -> None:
    backwards = dict(reversed(body.items()))
    assert identity_of(b"p", body) == identity_of(b"p", backwards)
