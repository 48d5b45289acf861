"""The examples in the docstrings run as they stand, with an endpoint in the environment."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import llmdash.llms as public
from tests.simulated import Simulated

MODULES = sorted(module.name for module in pkgutil.iter_modules(public.__path__))


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    running = Simulated()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def endpoint(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{provider}_API_KEY", simulated.keys[0])
        monkeypatch.setenv(f"{provider}_BASE_URL", simulated.base_url)
    monkeypatch.setenv("PROMPTLAYER_API_KEY", "pl-key")
    monkeypatch.setenv("PROMPTLAYER_BASE_URL", simulated.root)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"llmdash.llms.{name}"), verbose=False)
    assert outcome.failed == 0


@pytest.mark.parametrize("name", public.__all__)
def test_every_public_class_has_an_example(name: str) -> None:
    found = getattr(public, name)
    found = getattr(found, "native", found)  # what a Runnable wraps
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(found) or "")
    assert examples, f"{name} has no example"
    assert not any(example.options.get(doctest.SKIP) for example in examples)
