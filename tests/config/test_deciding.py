"""Which fields of a folder's files decide where keys are sent, and what is hashed and shown of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.config import ConfigError, load_settings
from llmdash.config.deciding import DECIDING
from tests.config.place import KEY, Place

pytestmark = pytest.mark.case("engine", "planted-config")

TABLE = "[[endpoint]]\nname = 'a'\nbase_url = 'https://a.example/v1'\napi_key_env = 'A_KEYS'\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.environ = {"A_KEYS": "sk-a", "OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-c"}
    return made


def fields(place: Place, **flags: object) -> tuple[str, ...]:
    return tuple(field for file in place.load(**flags).deciding for field in file.fields)


def hash_of(place: Place) -> str:
    (file,) = place.load().deciding
    return file.hash


def test_a_file_that_sends_keys_elsewhere_decides(place: Place) -> None:
    place.toml(TABLE)
    (file,) = place.load().deciding
    assert file.path == place.cwd / "llmdash.toml"
    assert file.fields == (
        "endpoint a: api_key_env = A_KEYS",
        "endpoint a: base_url = 'https://a.example/v1'",
    )
    assert len(file.hash) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model = 'm'\nrate = '5/s'\n[options]\ntop_p = 0.5\n",
        "base_url = 'https://api.openai.com/v1/'\napi_key_env = 'OPENAI_API_KEY'\n",
        "allow_insecure = false\n",
        "[[endpoint]]\nname = 'a'\n",
        "[[endpoint]]\nname = 'a'\nbase_url = 'https://api.openai.com/v1'\n"
        "api_key_env = ['OPENAI_API_KEY']\n",
        "[[endpoint]]\nname = 'a'\ndialect = 'anthropic'\napi_key_env = 'ANTHROPIC_API_KEY'\nrpm = 5\n",
    ],
)
def test_what_would_hold_without_it_decides_nothing(place: Place, text: str) -> None:
    place.toml(text)
    assert place.load().deciding == ()


@pytest.mark.parametrize(
    "text",
    [
        "[[endpoint]]\nname = 'a'\napi_key_env = 'ANTHROPIC_API_KEY'\n",
        "[[endpoint]]\nname = 'a'\ndialect = 'anthropic'\nbase_url = 'https://api.openai.com/v1'\n"
        "api_key_env = 'ANTHROPIC_API_KEY'\n",
        "api_key_env = 'A_KEYS'\n",
        "base_url = 'https://elsewhere.example'\n",
        "allow_insecure = true\n",
        "proxy = 'http://proxy.example:1'\n",
        "auth = 'header:x'\n",
        "headers = {X-A = 'a'}\n",
        "query = {a = 'a'}\n",
        "organization = 'o'\n",
        "[[endpoint]]\nname = 'a'\nbase_url = 'https://api.openai.com/v1'\napi_key_env = 'OPENAI_API_KEY'\n"
        "query = {a = 'a'}\n",
        "[[endpoint]]\nname = 'a'\ndialect = 'langchain'\ntarget = 'evil:model'\n",
    ],
)
def test_each_deciding_field_decides_on_its_own(place: Place, text: str) -> None:
    place.toml(text)
    assert len(place.load().deciding) == 1


def test_certificates_and_promptlayer_decide_too(place: Place) -> None:
    (place.cwd / "ca.pem").write_text("-")
    place.toml("ca_file = 'ca.pem'\nclient_cert = 'ca.pem'\n")
    assert [field.partition(" = ")[0] for field in fields(place)] == ["ca_file", "client_cert"]
    place.toml(
        "[[endpoint]]\nname = 'p'\ndialect = 'promptlayer-openai'\napi_key_env = 'OPENAI_API_KEY'\n"
        "promptlayer_api_key_env = 'A_KEYS'\npromptlayer_base_url = 'https://pl.example'\n"
    )
    assert "endpoint p: promptlayer_base_url = 'https://pl.example'" in fields(place)
    assert {"target", "on_end", "base_url", "headers"} <= set(DECIDING)


def test_of_a_header_from_a_variable_the_variable_is_shown(place: Place) -> None:
    place.environ["MY_ORG"] = "org-1"
    place.toml(TABLE + "headers = {X-Org = {env = 'MY_ORG'}, X-Title = 'mine'}\n")
    assert "endpoint a: headers = X-Org: variable MY_ORG, X-Title: 'mine'" in fields(place)


def test_the_hash_is_of_these_fields_alone(place: Place) -> None:
    place.toml(TABLE)
    before = hash_of(place)
    place.toml(
        "# mine\nrate = '9/s'\n\n" + TABLE + "rpm = 5\nmodel = 'other'\n[endpoint.options]\ntop_p = 1\n"
    )
    assert hash_of(place) == before
    place.toml(TABLE.replace("A_KEYS", "OPENAI_API_KEY"))
    assert hash_of(place) != before
    place.toml(TABLE.replace("a.example", "b.example"))
    assert hash_of(place) != before
    place.toml(TABLE + "headers = {X-A = 'a'}\n")
    assert hash_of(place) != before


def test_no_key_is_shown_and_no_text_can_change_a_terminal(place: Place) -> None:
    place.toml(f"headers = {{X-Title = '{KEY[3:]}'}}\nproxy = 'http://me:password9@p:1'\n")
    shown = "\n".join(fields(place))
    assert KEY[3:] not in shown
    assert "password9" not in shown
    place.toml('base_url = "https://a.example/v1"\nquery = {a = "b"}\n')
    assert "\x1b" not in "".join(fields(place))


def test_a_file_that_is_named_and_the_users_own_are_trusted(place: Place) -> None:
    place.user_config.write_text(TABLE)
    assert place.load().deciding == ()
    place.toml(TABLE)
    named = load_settings(
        {},
        environ=place.environ,
        cwd=place.cwd,
        user_config=place.user_config,
        config=place.cwd / "llmdash.toml",
    )
    assert (named.deciding, named.base_url) == ((), "https://a.example/v1")
    at_home = load_settings({}, environ=place.environ, cwd=place.cwd, user_config=place.cwd / "llmdash.toml")
    assert at_home.deciding == ()


def test_a_named_file_goes_in_place_of_the_folders(place: Place) -> None:
    place.toml("model = 'of-the-folder'\n")
    other = place.cwd / "other.toml"
    other.write_text("rate = '9/s'\nrates = 1\n")
    how = {"environ": place.environ, "cwd": place.cwd, "user_config": place.user_config}
    with pytest.raises(ConfigError, match=r"other\.toml:2: rates: is not a setting"):
        load_settings({}, config=other, **how)  # type: ignore[arg-type]
    other.write_text("rate = '9/s'\n")
    found = load_settings({}, config=other, **how)  # type: ignore[arg-type]
    assert (found.rate, found.model) == (9.0, "gpt-4o-mini")
    with pytest.raises(ConfigError, match=r"--config: .* is not a file; name an llmdash\.toml"):
        load_settings({}, config=place.cwd / "none.toml", **how)  # type: ignore[arg-type]


def test_a_dotenv_decides_where_keys_of_the_environment_go_but_not_its_own(place: Place) -> None:
    place.env("BASE_URL=https://elsewhere.example/v1\n")
    assert fields(place) == ("base_url = 'https://elsewhere.example/v1'",)
    place.env("BASE_URL=https://elsewhere.example/v1\nAPI_KEY=sk-mine\n")
    place.environ = {}
    assert fields(place) == ()
    place.environ = {"API_KEY": "sk-other"}
    assert fields(place) == ("base_url = 'https://elsewhere.example/v1'",)
    assert fields(place, base_url="https://flag.example") == ()
    place.env("BASE_URL=https://api.openai.com/v1\n")
    assert fields(place) == ()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("LLMDASH_BASE_URL=https://e.example", "base_url"),
        ("OPENAI_API_BASE=https://e.example", "base_url"),
        ("LLMDASH_PROXY=http://proxy.example:1", "proxy"),
        ("LLMDASH_ALLOW_INSECURE=yes", "allow_insecure"),
        ("LLMDASH_HEADERS=X-A=1", "headers"),
    ],
)
def test_each_deciding_variable_of_a_dotenv_decides(place: Place, line: str, field: str) -> None:
    place.env(line + "\n")
    assert [each.partition(" = ")[0] for each in fields(place)] == [field]


def test_a_dotenv_decides_where_the_key_of_promptlayer_goes(place: Place) -> None:
    place.environ = {"PROMPTLAYER_API_KEY": "pl-key"}
    place.env("API_KEY=sk-mine\nPROMPTLAYER_BASE_URL=https://pl.example\n")
    assert fields(place, dialect="promptlayer-openai") == ("promptlayer_base_url = 'https://pl.example'",)


def test_keys_that_join_later_never_go_where_a_changed_file_says(place: Place) -> None:
    del place.environ["A_KEYS"]
    place.env("A_KEYS=sk-a\n")
    place.toml(TABLE)
    watched = place.load().key_file
    assert watched is not None
    assert len(watched.reload().keys) == 1
    place.env("A_KEYS=sk-a,sk-b\n")
    assert len(watched.reload().keys) == 2
    place.toml(TABLE.replace("A_KEYS", "ANTHROPIC_API_KEY"))
    with pytest.raises(ConfigError, match="where keys are sent was changed meanwhile"):
        watched.reload()


def test_settings_made_by_hand_decide_nothing(place: Place) -> None:
    assert replace(place.load(), model="m").deciding == ()
