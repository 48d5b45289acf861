"""The dialect decides which provider's variables count, and what holds by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.llms.dialects import DIALECTS
from tests.config.place import KEY, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("given", ["flag", "variable", "dotenv", "file"])
def test_with_anthropics_dialect_its_own_variables_count(place: Place, given: str) -> None:
    place.environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": "https://openai.example",
        "ANTHROPIC_API_KEY": "sk-ant-1,sk-ant-2",
        "ANTHROPIC_BASE_URL": "https://anthropic.example/",
    }
    flags: dict[str, object] = {}
    if given == "flag":
        flags = {"dialect": "anthropic"}
    elif given == "variable":
        place.environ["LLMDASH_DIALECT"] = "Anthropic"
    elif given == "dotenv":
        place.env("LLMDASH_DIALECT=anthropic\n")
    else:
        place.toml("dialect = 'anthropic'\n")
    settings = place.load(**flags)
    assert [key.reveal() for key in settings.keys] == ["sk-ant-1", "sk-ant-2"]
    assert (settings.dialect, settings.base_url) == ("anthropic", "https://anthropic.example")
    assert settings.model == DIALECTS["anthropic"].model
    assert [(each.dialect, each.keys) for each in settings.endpoints] == [("anthropic", settings.keys)]


def test_the_dotenv_of_a_token_pool_serves_any_dialect(place: Place) -> None:
    place.env("API_KEY=sk-a,sk-b\nLLMDASH_DIALECT=anthropic\n")
    settings = place.load()
    assert [key.reveal() for key in settings.keys] == ["sk-a", "sk-b"]
    assert settings.base_url == "https://api.anthropic.com"


def test_promptlayer_without_tables_takes_its_key_from_the_usual_variable(place: Place) -> None:
    place.environ = {"OPENAI_API_KEY": "sk-a", "PROMPTLAYER_API_KEY": KEY}
    (endpoint,) = place.load(dialect="promptlayer-chat-openai").endpoints
    assert endpoint.promptlayer_key is not None
    assert endpoint.promptlayer_key.reveal() == KEY
    place.environ["PROMPTLAYER_API_KEY"] = f"{KEY},sk-b"
    assert "holds 2 keys; PromptLayer takes one" in place.error(dialect="promptlayer-openai")


def test_a_wrong_dialect_is_told_with_the_nearest(place: Place) -> None:
    assert place.error(dialect="openai_chat") == (
        "--dialect: 'openai_chat' is not a dialect; did you mean openai-chat?"
    )
    place.environ["LLMDASH_DIALECT"] = "zzz"
    assert place.error().startswith("LLMDASH_DIALECT: 'zzz' is not a dialect; known are openai-chat,")


@pytest.mark.parametrize("given", ["environment", "dotenv"])
@pytest.mark.parametrize("name", [name for name, entry in DIALECTS.items() if entry.provider.base_url])
def test_every_variable_a_provider_has_for_its_address_counts_and_the_first_is_the_strongest(
    place: Place, name: str, given: str
) -> None:
    """OPENAI_API_BASE and ANTHROPIC_API_URL are what older programs and their `.env` files say."""
    provider = DIALECTS[name].provider
    values = {provider.key_variables[0]: KEY, "PROMPTLAYER_API_KEY": "pl-key-00001"}
    for variable in reversed(provider.base_url_variables):
        values[variable] = f"https://{variable.lower().replace('_', '-')}.example/v1"
        if given == "environment":
            place.environ = dict(values)
        else:
            place.env("".join(f"{key}={value}\n" for key, value in values.items()))
        assert place.load(dialect=name).base_url == values[variable]
    assert len(provider.base_url_variables) > 1
