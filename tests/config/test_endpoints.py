"""`[[endpoint]]` tables make the pool, with keys from the variables they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import ConfigError, EndpointSettings, Settings, load_settings
from llmdash.config.toml import ENDPOINT_FIELDS
from llmdash.llms.dialects import DIALECTS
from llmdash.sanitize import clean_line
from llmdash.secrets import Secret
from tests.config.place import KEY, Place

TWO = """
[[endpoint]]
name = "fast"
base_url = "https://fast.example/v1/"
model = "m-fast"
api_key_env = "FAST_KEYS"

[[endpoint]]
name = "deep"
dialect = "anthropic"
api_key_env = ["DEEP_KEY", "SPARE_KEY"]
weight = 0.5
rpm = 60
tpm = 40000
concurrency = 4
terminal = "eof"
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def two(place: Place) -> Place:
    place.toml(TWO)
    place.env("FAST_KEYS=sk-a,sk-b\nDEEP_KEY=sk-c\n")
    place.environ = {"SPARE_KEY": "sk-d"}
    return place


def revealed(endpoint: EndpointSettings) -> list[str]:
    return [key.reveal() for key in endpoint.keys]


def test_each_table_is_an_endpoint_with_its_keys_and_limits(two: Place) -> None:
    settings = two.load()
    fast, deep = settings.endpoints
    assert fast == EndpointSettings(
        "fast", "openai-chat", "https://fast.example/v1", "m-fast", (Secret("sk-a"), Secret("sk-b"))
    )
    assert (deep.name, deep.dialect, deep.base_url) == ("deep", "anthropic", "https://api.anthropic.com")
    assert (deep.model, revealed(deep)) == (DIALECTS["anthropic"].model, ["sk-c", "sk-d"])
    assert (deep.weight, deep.rpm, deep.tpm, deep.concurrency, deep.terminal_eof) == (0.5, 60, 40000, 4, True)
    assert (settings.base_url, settings.model) == (fast.base_url, "m-fast")
    assert [key.reveal() for key in settings.keys] == ["sk-a", "sk-b", "sk-c", "sk-d"]
    assert settings.warnings == ()


def test_the_usual_rate_is_five_a_second_for_each_key_of_all_endpoints(two: Place) -> None:
    assert (two.load().rate, two.load().rate_given) == (20.0, False)
    assert two.load(endpoint=("deep",)).rate == 10.0


def test_a_variable_of_the_environment_comes_before_that_of_dotenv(two: Place) -> None:
    two.environ["FAST_KEYS"] = "sk-x"
    assert revealed(two.load().endpoints[0]) == ["sk-x"]


def test_without_tables_the_settings_make_the_one_endpoint(place: Place) -> None:
    place.env("API_KEY=sk-a,sk-b\nBASE_URL=https://host.example/v1/\n")
    settings = place.load(model="m")
    (alone,) = settings.endpoints
    assert alone == EndpointSettings(
        "host.example", "openai-chat", "https://host.example/v1", "m", settings.keys
    )


def test_the_endpoint_of_settings_made_by_hand_follows_their_changes() -> None:
    settings = Settings(keys=(Secret("sk-a"),))
    changed = replace(settings, model="other", base_url="https://host")
    assert [(each.model, each.base_url, each.keys) for each in changed.endpoints] == [
        ("other", "https://host", settings.keys)
    ]
    other = EndpointSettings("x", "anthropic", "https://x", "m-x", (Secret("sk-x"),))
    assert changed.with_endpoints([other]).endpoints == (other,)
    assert changed.with_endpoints([other]).model == "m-x"
    assert len(changed.with_endpoints([other, other]).endpoints) == 2


def test_endpoints_can_be_picked_by_name(two: Place) -> None:
    def names(settings: Settings) -> list[str]:
        return [endpoint.name for endpoint in settings.endpoints]

    assert names(two.load(endpoint=("deep",))) == ["deep"]
    assert names(two.load(endpoint=("deep", "FAST", "deep"))) == ["fast", "deep"]
    assert names(two.load(endpoint=())) == ["fast", "deep"]
    two.environ["LLMDASH_ENDPOINT"] = "fast"
    assert names(two.load()) == ["fast"]
    assert two.load().model == "m-fast"


def test_an_endpoint_that_is_not_picked_needs_no_keys(two: Place) -> None:
    two.env("FAST_KEYS=sk-a\n")
    assert len(two.load(endpoint=("fast",)).endpoints) == 1
    error = two.error(endpoint=("deep",))
    assert error == (
        "llmdash.toml:11: api_key_env: the variable DEEP_KEY is not set; set it, or put it into .env"
    )


def test_a_folder_can_pick_from_the_users_endpoints(place: Place) -> None:
    place.user_config.write_text(TWO)
    place.environ = {"FAST_KEYS": "sk-a", "DEEP_KEY": "sk-c", "SPARE_KEY": "sk-d"}
    place.toml("endpoint = ['deep']\nrate = 3\n")
    assert [each.name for each in place.load().endpoints] == ["deep"]
    place.toml("endpoint = 'deap'\n")
    assert place.error() == "llmdash.toml:1: endpoint: 'deap' is not an endpoint; did you mean deep?"


def test_model_and_address_of_the_command_line_need_one_endpoint(two: Place) -> None:
    error = two.error(model="m")
    assert error == "--model: there are 2 endpoints (fast, deep); pick one with --endpoint NAME"
    assert two.error(base_url="https://host").startswith("--base-url: there are 2 endpoints")
    assert two.error(dialect="anthropic").startswith("--dialect: each [[endpoint]] has its own")
    settings = two.load(model="m", base_url="https://other", endpoint=("fast",))
    assert (settings.endpoints[0].model, settings.endpoints[0].base_url) == ("m", "https://other")
    assert (settings.model, settings.base_url) == ("m", "https://other")


def test_keys_of_a_provider_are_not_sent_to_another_address(place: Place) -> None:
    place.environ = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": "sk-ant"}
    place.toml("[[endpoint]]\nname = 'a'\n\n[[endpoint]]\nname = 'b'\ndialect = 'anthropic'\n")
    first, second = place.load().endpoints
    assert (revealed(first), revealed(second)) == ([KEY], ["sk-ant"])
    place.toml("\n[[endpoint]]\nname = 'a'\nbase_url = 'https://elsewhere.example'\n")
    assert place.error() == (
        "llmdash.toml:2: [[endpoint]]: has no keys; name the variable that holds them: api_key_env = 'NAME'"
    )
    place.environ = {}
    place.toml("[[endpoint]]\nname = 'a'\n")
    assert "llmdash.toml:1: [[endpoint]]: has no keys; set OPENAI_API_KEY, or name" in place.error()


def test_promptlayer_takes_a_key_of_its_own(place: Place) -> None:
    place.toml("[[endpoint]]\nname = 'p'\ndialect = 'promptlayer-openai'\n")
    place.environ = {"OPENAI_API_KEY": "sk-a"}
    assert "has no key for PromptLayer; set PROMPTLAYER_API_KEY" in place.error()
    place.environ |= {"PROMPTLAYER_API_KEY": KEY, "PROMPTLAYER_BASE_URL": "https://pl.example/"}
    settings = place.load()
    (endpoint,) = settings.endpoints
    assert (endpoint.promptlayer_key, endpoint.promptlayer_base_url) == (Secret(KEY), "https://pl.example")
    assert settings.secrets == (Secret("sk-a"), Secret(KEY))
    assert KEY not in repr(settings)
    assert place.load().keys == (Secret("sk-a"),)


def test_a_langchain_model_needs_no_key(place: Place) -> None:
    place.toml("[[endpoint]]\nname = 'l'\ndialect = 'langchain'\ntarget = 'my.models:chat'\n")
    settings = place.load()
    (endpoint,) = settings.endpoints
    assert (endpoint.target, endpoint.model, endpoint.keys) == ("my.models:chat", "my.models:chat", ())
    assert (settings.without_keys, settings.rate) == ((), 5.0)


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("", ":1: [[endpoint]]: has no name; write a short one to call it by: name = 'fast'"),
        ("name = 'a b'", ":2: name: 'a b' is not a name; write 1 to 24 letters"),
        (f"name = '{KEY[:20]}'", ":2: name: '***' is not a name"),
        ("name = 'x'\nbase_ulr = 'y'", ":3: base_ulr: is not a field of an endpoint; did you mean base_"),
        (f"name = 'x'\napi_key = '{KEY}'", ":3: api_key: keys do not belong in this file; put them in .env"),
        ("name = 'x'\ndialect = 'antropic'", ":3: dialect: 'antropic' is not a dialect; did you"),
        (f"name = 'x'\ndialect = '{KEY}'", ":3: dialect: '***' is not a dialect"),
        ("name = 'x'\nbase_url = 'http://10.0.0.1'", ":3: base_url: 'http://10.0.0.1' would send"),
        ("name = 'x'\nweight = 0", ":3: weight: '0' is out of range; write a number from 0.01 to 100"),
        ("name = 'x'\nrpm = 0.5", ":3: rpm: '0.5' is not a whole number; write one from 1 to"),
        ("name = 'x'\ntpm = -1", ":3: tpm: '-1' is out of range"),
        ("name = 'x'\nconcurrency = 'all'", ":3: concurrency: 'all' is not a whole number"),
        ("name = 'x'\nterminal = 'done'", ":3: terminal: 'done' is not a kind of end; write 'eof'"),
        ("name = 'x'\ntarget = 'a:b'", ":3: target: belongs to dialect = 'langchain'; leave it out of"),
        ("name = 'x'\npromptlayer_base_url = 'https://x'", ":3: promptlayer_base_url: belongs to the prompt"),
        ("name = 'x'\ndialect = 'langchain'", ":1: [[endpoint]]: has no target; write where"),
        ("name='x'\ndialect='langchain'\ntarget='os.system'", ":4: target: 'os.system' does not name"),
        ("name='x'\ndialect='langchain'\ntarget='a:b'\nbase_url='https://x'", ":5: base_url: a lang"),
        (f"name = 'x'\napi_key_env = '{KEY}'", ":3: api_key_env: is not the name of a variable; write one"),
        ("name = 'x'\napi_key_env = '0a1b2c3d4e5f'", ":3: api_key_env: is not the name of a variable"),
        ("name = 'x'\napi_key_env = 'a1b2c3d4e5f'", ":3: api_key_env: the variable it names is not set"),
        ("name = 'x'\napi_key_env = 'NO_SUCH'", ":3: api_key_env: the variable NO_SUCH is not set"),
        ("name = 'x'\nmodel = ''", ":3: model: '' is not a name"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told_with_its_line(place: Place, table: str, error: str) -> None:
    place.toml(f"[[endpoint]]\n{table}\n")
    assert place.error().startswith(f"llmdash.toml{error}")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[endpoint]\nname = 'x'", ":1: endpoint: has one bracket on each side; write [[endpoint]] with two"),
        ("endpoint = ['x', {name = 'y'}]", ":1: endpoint: holds something other than tables"),
        ("endpoint = []", ":1: endpoint: there is no [[endpoint]] to pick from"),
        ("endpoint = 5", ":1: endpoint: there is no [[endpoint]] to pick from"),
        ("[[endpoint]]\nname='x'\n[[endpoint]]\nname='X'", ":4: name: 'X' is taken; give each"),
        ("[[endpoint]]\nname='x'\n[endpoint.more]\na=1", ":3: more: is not a field of an endpoint"),
        ("dialect = 'langchain'", ""),
    ],
)  # fmt: skip
def test_tables_written_another_way_are_told(place: Place, text: str, error: str) -> None:
    place.toml(text + "\n")
    assert place.error().startswith(f"llmdash.toml{error}" if error else "dialect langchain needs a model")


def test_what_was_given_for_one_endpoint_is_told_to_have_no_effect(two: Place) -> None:
    two.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://usual.example"}
    assert two.load().warnings == ()
    two.environ["LLMDASH_MODEL"] = "m"
    told = "has no effect, since llmdash.toml has [[endpoint]] tables"
    assert two.load().warnings == (f"LLMDASH_MODEL: {told}",)
    two.environ = {"SPARE_KEY": "sk-d", "LLMDASH_MODEL": "m-fast"}
    two.env("FAST_KEYS=sk-a\nDEEP_KEY=sk-c\nBASE_URL=https://other\n")
    assert two.load().warnings == (f".env:3: BASE_URL: {told}",)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(KEY)
VALUES = SCALARS.filter(lambda value: value is not None) | st.lists(st.text(max_size=5), max_size=3)
TABLES = st.lists(st.dictionaries(st.sampled_from(ENDPOINT_FIELDS) | st.text(max_size=8), VALUES), max_size=3)


@given(TABLES, st.none() | st.text(max_size=5))
def test_no_table_crashes_the_settings(
    tmp_path_factory: pytest.TempPathFactory, tables: list[dict[str, Any]], picked: str | None
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "llmdash.toml").write_text(tomli_w.dumps({"endpoint": tables}), encoding="utf-8")
    environ = {"OPENAI_API_KEY": "sk-a", "ANTHROPIC_API_KEY": "sk-b"}
    try:
        settings = load_settings(
            {"endpoint": picked}, environ=environ, cwd=folder, user_config=folder / "none.toml"
        )
    except ConfigError as error:
        assert "\n" not in str(error)
        assert clean_line(str(error)) == str(error)
        assert KEY not in str(error)
    else:
        assert settings.endpoints


def test_an_endpoint_says_whether_it_has_a_batch_service_and_how_much_its_queue_holds(two: Place) -> None:
    assert [(each.batch, each.batch_queue_tokens) for each in two.load().endpoints] == [(None, None)] * 2
    two.toml("batch_queue_tokens = 2_000_000\n" + TWO + "batch = false\nbatch_queue_tokens = 90_000\n")
    fast, deep = two.load().endpoints
    assert (fast.batch, fast.batch_queue_tokens) == (None, 2_000_000)
    assert (deep.batch, deep.batch_queue_tokens) == (False, 90_000)


def test_the_tokens_of_the_queue_are_set_by_a_variable_for_the_only_endpoint(place: Place) -> None:
    place.environ = {"OPENAI_API_KEY": KEY, "LLMDASH_BATCH_QUEUE_TOKENS": "90000"}
    assert place.load().endpoints[0].batch_queue_tokens == 90_000
    place.environ["LLMDASH_BATCH_QUEUE_TOKENS"] = "many"
    assert "LLMDASH_BATCH_QUEUE_TOKENS" in place.error()


@pytest.mark.parametrize(
    ("dialect", "field"), [("langchain", "batch = true"), ("promptlayer-chat-openai", "batch = true")]
)
def test_what_has_no_batch_service_cannot_be_said_to_have_one(place: Place, dialect: str, field: str) -> None:
    target = 'target = "my:model"\n' if dialect == "langchain" else 'api_key_env = "K"\n'
    place.environ = {"K": KEY, "PROMPTLAYER_API_KEY": KEY}
    place.toml(f'[[endpoint]]\nname = "a"\ndialect = "{dialect}"\n{target}{field}\n')
    assert "batch" in place.error()
