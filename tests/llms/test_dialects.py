"""The registry of dialects: every entry loads, and says what its class does."""

from __future__ import annotations

import pytest

from llmdash.llms.base import LLM
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.http_llm import HttpLLM
from tests.simulator.frames import PATHS

HTTP = [name for name in DIALECTS if name != LANGCHAIN]


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_names_a_class_that_is_a_model(name: str) -> None:
    kind = DIALECTS[name].load()
    assert isinstance(kind, type) and issubclass(kind, LLM)


@pytest.mark.parametrize("name", HTTP)
def test_a_class_has_the_provider_and_the_usual_model_of_its_entry(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = DIALECTS[name]
    monkeypatch.setenv("PROMPTLAYER_API_KEY", "pl-key-00001")
    llm = entry.load()(api_key="sk-key-00001", **entry.arguments)
    assert isinstance(llm, HttpLLM)
    assert llm.dialect.provider is entry.provider
    assert llm.model == entry.model
    assert llm.url.startswith(entry.base_url)


@pytest.mark.parametrize("name", HTTP)
def test_the_simulator_speaks_every_dialect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DIALECTS[name]
    monkeypatch.setenv("PROMPTLAYER_API_KEY", "pl-key-00001")
    llm = entry.load()(api_key="sk-key-00001", base_url="http://127.0.0.1/v1", **entry.arguments)
    assert isinstance(llm, HttpLLM)
    assert any(llm.url.endswith(path) for path in PATHS.values())
