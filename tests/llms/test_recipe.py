"""What a model is made of, and the clients that models share."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.recipe import Clients, ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure
from llmdash.secrets import Secret

KEY = Secret("sk-canary-0123456789abcdefghij")
REMOTE = sorted(DIALECTS.keys() - {LANGCHAIN})


def recipe(dialect: str = "openai-chat", **more: Any) -> ModelRecipe:
    given: dict[str, Any] = {"timeouts": Timeouts(), "arguments": {}, "key": KEY, **more}
    return ModelRecipe(dialect, "m", **given)


@pytest.mark.parametrize("dialect", REMOTE)
async def test_every_dialect_makes_the_model_of_its_class(dialect: str) -> None:
    reporting = {"promptlayer_api_key": Secret("pl-canary-0123456789")} if "promptlayer" in dialect else {}
    clients = Clients()
    model = clients.build(recipe(dialect, arguments={"base_url": "https://llm.test/v1", **reporting}))
    assert type(model) is DIALECTS[dialect].load()
    assert model.model == "m"
    await clients.aclose()


def test_no_key_is_shown_with_a_recipe() -> None:
    proxy = Secret("http://user:pass-word-0123@proxy:8080")
    shown = repr(recipe(arguments={"default_headers": {"x": KEY}}, connection={"proxy": proxy}))
    assert KEY.reveal() not in shown
    assert "pass-word" not in shown


async def test_models_share_a_client_where_proxy_certificates_and_time_limits_agree() -> None:
    clients = Clients()
    proxy = {"proxy": Secret("http://user:pass@proxy:8080")}
    same = {"proxy": Secret("http://user:pass@proxy:8080")}
    plain = clients.client({}, Timeouts())
    assert clients.client({}, Timeouts()) is plain
    assert clients.client(proxy, Timeouts()) is clients.client(same, Timeouts())
    assert clients.client(proxy, Timeouts()) is not plain
    assert clients.client({}, dataclasses.replace(Timeouts(), total=5.0)) is not plain
    assert clients.client({"proxy": "http://proxy:8080"}, Timeouts()) is not plain
    await clients.aclose()
    assert clients.client({}, Timeouts()) is not plain
    await clients.aclose()
    await clients.aclose()


@pytest.mark.parametrize("target", ["", "no_such_module:x", "json:no_such_name", "json:dumps"])
async def test_a_target_of_langchain_that_is_none_is_a_failure(target: str) -> None:
    with pytest.raises(Failure):
        Clients().build(ModelRecipe(LANGCHAIN, target, Timeouts(), {}))


def test_a_model_of_langchain_takes_no_client_and_no_key() -> None:
    assert not ModelRecipe(LANGCHAIN, "a:b", Timeouts(), {}).takes_client
    assert recipe().takes_client


async def test_what_no_class_takes_is_an_error() -> None:
    clients = Clients()
    with pytest.raises(TypeError):
        clients.client({"no_such_argument": 1}, Timeouts())
    await clients.aclose()
