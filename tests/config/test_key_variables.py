"""Keys are read from wherever people put them, and never sent with what separates them."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import ConfigError
from llmdash.config.dotenv import read_dotenv
from llmdash.config.key_file import stamp_of
from llmdash.config.key_list import parse_keys
from tests.config.place import KEY, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.case("files", "env-api-key")
def test_the_plain_names_of_the_environment_are_read(place: Place) -> None:
    place.environ = {"API_KEY": "sk-a,sk-b", "BASE_URL": "https://host.example/v1"}
    assert place.keys() == ["sk-a", "sk-b"]
    assert place.load().base_url == "https://host.example/v1"


@pytest.mark.case("files", "env-api-key")
def test_they_go_after_our_own_names_and_before_dotenv(place: Place) -> None:
    place.env("API_KEY=sk-file\nBASE_URL=https://file.example/v1\n")
    place.environ = {"API_KEY": "sk-env", "BASE_URL": "https://env.example/v1"}
    assert (place.keys(), place.load().base_url) == (["sk-env"], "https://env.example/v1")
    place.environ |= {"LLMDASH_API_KEY": "sk-own", "LLMDASH_BASE_URL": "https://own.example/v1"}
    assert (place.keys(), place.load().base_url) == (["sk-own"], "https://own.example/v1")


@pytest.mark.case("files", "env-api-key")
def test_a_providers_key_does_not_go_to_a_base_url_of_any_program(place: Place) -> None:
    place.environ = {"OPENAI_API_KEY": KEY, "BASE_URL": "https://my-web-shop.example"}
    settings = place.load()
    assert settings.base_url == "https://api.openai.com/v1"
    assert settings.warnings == (
        "BASE_URL: of the environment is not used, since the keys are those of OPENAI_API_KEY; "
        "set LLMDASH_BASE_URL",
    )
    place.environ |= {"OPENAI_BASE_URL": "https://proxy.example/v1"}
    assert place.load().base_url == "https://proxy.example/v1"


@pytest.mark.case("files", "env-two-lines")
def test_keys_on_several_lines_all_count(place: Place) -> None:
    place.env("API_KEY=sk-a\n# the second account\nAPI_KEY=sk-b,sk-c\n")
    assert place.keys() == ["sk-a", "sk-b", "sk-c"]
    place.env("API_KEY=sk-a\nAPI_KEY=sk-b x\n")
    assert place.error().startswith(".env:2: API_KEY: the 1st key holds a space")
    place.env("MINE=sk-a\nMINE=sk-b\n")
    place.toml("api_key_env = 'MINE'\n")
    assert place.keys() == ["sk-a", "sk-b"]


@pytest.mark.case("files", "env-two-lines")
def test_a_key_on_two_lines_counts_once_and_is_told(place: Place) -> None:
    place.env(f"API_KEY={KEY}\nAPI_KEY={KEY}\n")
    assert place.keys() == [KEY]
    assert place.load().warnings == (".env:2: API_KEY: repeats the key sk-...cdef; it counts once",)


@pytest.mark.case("files", "env-fifo")
def test_a_dotenv_that_is_a_pipe_is_read(place: Place) -> None:
    path = place.cwd / ".env"
    os.mkfifo(path, 0o600)
    writer = threading.Thread(target=path.write_text, args=("API_KEY=sk-a,sk-b\n" + "# more\n" * 20_000,))
    writer.start()
    assert place.keys() == ["sk-a", "sk-b"]
    writer.join()


@pytest.mark.case("files", "env-fifo")
def test_a_pipe_is_read_once_and_never_by_the_watch(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    os.mkfifo(path)
    assert stamp_of(path) is None
    writer = threading.Thread(target=path.write_text, args=("API_KEY=sk-a\n",))
    writer.start()
    assert read_dotenv(path).values == {"API_KEY": "sk-a"}
    writer.join()
    assert stamp_of(path) is None


@pytest.mark.case("files", "env-fifo")
def test_a_pipe_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    os.mkfifo(path)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            path.write_text("A" * (5 * 1024 * 1024))

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(ConfigError, match=r"\.env: is over 4 MB"):
        read_dotenv(path)
    writer.join()


@pytest.mark.case("files", "env-separators")
@pytest.mark.parametrize(
    "text",
    [
        "sk-a;sk-b",
        "sk-a ; sk-b",
        '["sk-a","sk-b"]',
        "[ 'sk-a', 'sk-b' ]",
        "[sk-a, sk-b]",
        "sk-a sk-b",
        "sk-a\nsk-b\n",
        "sk-a\tsk-b",
        "'sk-a','sk-b'",
        "sk-a,;, sk-b;",
        '["sk-a", " sk-b ", ""]',
    ],
)
def test_keys_are_split_however_they_are_listed(place: Place, text: str) -> None:
    place.environ = {"API_KEY": text}
    assert place.keys() == ["sk-a", "sk-b"]


@pytest.mark.case("files", "env-separators")
def test_the_ways_of_dotenv_are_split_too(place: Place) -> None:
    place.env('API_KEY=["sk-a","sk-b"]\n')
    assert place.keys() == ["sk-a", "sk-b"]
    place.env('API_KEY="sk-a\nsk-b"\n')
    assert place.keys() == ["sk-a", "sk-b"]


@pytest.mark.case("files", "env-separators")
@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("API_KEYS",), ["k-0"]),
        (("API_KEY_1", "API_KEY_2", "API_KEY_10"), ["k-0", "k-1", "k-2"]),
        (("API_KEY_10", "API_KEY_9"), ["k-1", "k-0"]),
        (("OPENAI_API_KEY", "OPENAI_API_KEY_2"), ["k-0", "k-1"]),
        (("OPENAI_API_KEYS",), ["k-0"]),
        (("LLMDASH_API_KEYS",), ["k-0"]),
        (("API_KEY1", "API_KEY2"), ["k-0", "k-1"]),
    ],
)
@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_keys_in_numbered_variables_are_all_read(
    place: Place, names: tuple[str, ...], keys: list[str], where: str
) -> None:
    given = {name: f"k-{number}" for number, name in enumerate(names)}
    if where == "environment":
        place.environ = given
    else:
        place.env("".join(f"{name}={value}\n" for name, value in given.items()))
    assert place.keys() == keys
    assert place.load().warnings == ()


@pytest.mark.case("files", "env-separators")
def test_what_may_be_meant_is_asked_for(place: Place) -> None:
    place.env(f"OPENAI_KEY={KEY}\n")
    assert place.load().warnings == (".env:1: 'OPENAI_KEY' is not read; did you mean OPENAI_API_KEY?",)
    place.env(f"MY_KEY_1={KEY}\n")
    place.toml("api_key_env = 'MY_KEY'\n")
    assert place.error() == (
        "llmdash.toml:1: api_key_env: the variable MY_KEY is not set; did you mean MY_KEY_1?"
    )


@pytest.mark.case("files", "env-separators")
def test_a_bar_in_a_key_is_taken_as_a_part_of_it_but_never_in_silence() -> None:
    keys, warnings = parse_keys("LLM|123|abc")
    assert [key.reveal() for key in keys] == ["LLM|123|abc"]
    assert warnings == ("the 1st key holds a |, taken as a part of it; split several by commas",)


@given(st.text(st.sampled_from("ab1-\"'[];, \n\t|{}"), max_size=30))
def test_no_key_is_ever_sent_with_a_separator_in_silence(text: str) -> None:
    try:
        keys, warnings = parse_keys(text)
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    for key in keys:
        assert not set(key.reveal()) & set(",; \n\t[]\"'")
        assert "|" not in key.reveal() or warnings


@pytest.mark.case("files", "env-api-base")
@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("openai-chat", "OPENAI_API_BASE"),
        ("openai-responses", "OPENAI_API_BASE"),
        ("anthropic", "ANTHROPIC_API_URL"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_the_older_names_of_addresses_are_read(place: Place, dialect: str, name: str, where: str) -> None:
    if where == "environment":
        place.environ = {name: "https://host.example/v1"}
    else:
        place.env(f"{name}=https://host.example/v1\n")
    assert place.load(dialect=dialect).base_url == "https://host.example/v1"


@pytest.mark.case("files", "env-api-base")
def test_the_newer_name_goes_before_the_older_one(place: Place) -> None:
    place.environ = {"OPENAI_API_BASE": "https://old.example/v1", "OPENAI_BASE_URL": "https://new.example/v1"}
    assert place.load().base_url == "https://new.example/v1"
