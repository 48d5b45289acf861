"""What a Runnable was made with holds wherever LangChain takes it: copies, configured fields, caches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import ConfigurableField

from llmdash.llms.runnables import ChatOpenAI, OpenAI
from tests.recording import Recorder

KEY = "sk-given-with-the-call"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    with Recorder(_answer) as recorder:
        yield recorder


def _answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    choice = {"index": 0, "text": "OK", "message": {"content": "OK"}, "finish_reason": "stop"}
    return 200, {"model": body["model"], "choices": [choice]}


def made(kind: Callable[..., Any], server: Recorder, **settings: Any) -> Any:
    return kind("m", api_key=KEY, base_url=f"{server.root}/v1", max_retries=0, streaming=False, **settings)


@pytest.mark.case("library", "pickling")
@pytest.mark.parametrize("kind", [ChatOpenAI, OpenAI])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_in_the_same_process_keeps_the_key(
    kind: Callable[..., Any], copied: Callable[[Any], Any], server: Recorder
) -> None:
    llm = made(kind, server, temperature=0.3)
    copied(llm).invoke("Hello")
    copied(llm.llm).invoke("Hello")
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.body["temperature"] == 0.3


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize("kind", [ChatOpenAI, OpenAI])
def test_what_is_configured_changes_and_all_else_stays(kind: Callable[..., Any], server: Recorder) -> None:
    llm = made(kind, server, temperature=0.3, seed=7).configurable_fields(
        temperature=ConfigurableField(id="heat"),
        model_name=ConfigurableField(id="model"),
        tags=ConfigurableField(id="tags"),
    )
    llm.invoke("Hello")
    llm.with_config(configurable={"tags": ["t"]}).invoke("Hello")
    llm.with_config(configurable={"heat": 0.9, "model": "other"}).invoke("Hello")
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    sent = [
        tuple(request.body[name] for name in ("model", "temperature", "seed")) for request in server.requests
    ]
    assert sent == [("m", 0.3, 7), ("m", 0.3, 7), ("other", 0.9, 7)]


@pytest.mark.case("library", "pipes")
def test_a_field_that_is_set_or_copied_anew_is_what_is_sent(server: Recorder) -> None:
    llm = made(ChatOpenAI, server, temperature=0.3, max_tokens=9)
    llm.temperature = 0.5
    llm.model_copy(update={"model_name": "other"}).invoke("Hello")
    answer = llm.bind(model="bound", max_completion_tokens=5).invoke("Hello")
    first, second = (request.body for request in server.requests)
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("other", 0.5, 9)
    assert (second["max_completion_tokens"], "max_tokens" in second) == (5, False)
    assert answer.response_metadata["model_name"] == "bound"


@pytest.mark.case("library", "pipes")
@pytest.mark.parametrize("kind", [ChatOpenAI, OpenAI])
@pytest.mark.parametrize(
    "other",
    [{"seed": 8}, {"stop": "END"}, {"query": {"v": "2"}}, {"extra_body": {"top_k": 3}}, {"top_p": 0.5}],
)
def test_a_cache_holds_the_answers_of_each_setting_apart(
    kind: Callable[..., Any], other: dict[str, Any], server: Recorder
) -> None:
    cache = InMemoryCache()
    for settings in ({"seed": 7}, {"seed": 7}, {"seed": 7, **other}):
        made(kind, server, cache=cache, **settings).invoke("Hello")
    assert len(server.requests) == 2


def test_what_a_runnable_shows_of_itself_has_its_settings_and_no_key(server: Recorder) -> None:
    llm = made(ChatOpenAI, server, temperature=0.3)
    assert "temperature=0.3" in repr(llm)
    assert KEY not in repr((llm, llm.model_dump(), llm.asdict(), llm.bind(stop=["a"])))
