"""Files and variables are read as they are, and each value knows its place."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import SETTINGS, ConfigError
from llmdash.config.dotenv import read_dotenv
from llmdash.config.sources import Entry, from_flags
from llmdash.config.toml import from_toml

KEY = "sk-canary-0123456789abcdef"


def env_file(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / ".env"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def toml_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "llmdash.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def toml_error(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        from_toml(toml_file(folder, text), "llmdash.toml", SETTINGS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_entry_never_shows_its_value() -> None:
    assert KEY not in repr(Entry(KEY, "API_KEY"))


def test_a_dotenv_is_read_with_the_line_of_each_variable(tmp_path: Path) -> None:
    text = (
        "# keys\n\n\nAPI_KEY = 'sk-a,sk-b' # two\nexport BASE_URL=https://host/v1\r\nEMPTY\nLLMDASH_RATE=\n"
    )
    found = read_dotenv(env_file(tmp_path, text))
    assert found.values == {"API_KEY": "sk-a,sk-b", "BASE_URL": "https://host/v1", "LLMDASH_RATE": ""}
    assert found.lines == {"API_KEY": 4, "BASE_URL": 5, "EMPTY": 6, "LLMDASH_RATE": 7}
    assert found.warnings == ()
    assert "sk-a" not in repr(found)


def test_a_dotenv_expands_nothing_and_changes_no_environment(tmp_path: Path) -> None:
    before = dict(os.environ)
    found = read_dotenv(env_file(tmp_path, "API_KEY=sk-$HOME-${PATH}\n"))
    assert found.values["API_KEY"] == "sk-$HOME-${PATH}"
    assert dict(os.environ) == before


def test_the_last_of_two_lines_for_a_variable_counts(tmp_path: Path) -> None:
    found = read_dotenv(env_file(tmp_path, "API_KEY=sk-a\nAPI_KEY=sk-b\n"))
    assert (found.values["API_KEY"], found.lines["API_KEY"]) == ("sk-b", 2)


def test_a_line_that_is_none_gets_a_warning_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = read_dotenv(env_file(tmp_path, f"API_KEY=sk-a\n{KEY} is my key\nBASE_URL=https://host\n"))
    assert found.warnings == (".env:2: is not understood and skipped; write NAME=value",)
    assert found.values == {"API_KEY": "sk-a", "BASE_URL": "https://host"}
    assert caplog.records == []


def test_keys_under_any_name_get_the_warning(tmp_path: Path) -> None:
    assert read_dotenv(env_file(tmp_path, "MY_KEYS=sk-a\n", 0o644)).warnings


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_keys_that_others_may_read_get_a_warning_with_the_fix(tmp_path: Path, mode: int) -> None:
    (warning,) = read_dotenv(env_file(tmp_path, "API_KEY=sk-a\n", mode)).warnings
    assert warning == ".env: others on this machine can read your keys; fix it with: chmod 600 .env"


def test_a_readable_dotenv_without_keys_is_fine(tmp_path: Path) -> None:
    assert read_dotenv(env_file(tmp_path, "BASE_URL=https://host\n", 0o644)).warnings == ()


def test_no_dotenv_or_a_folder_of_that_name_is_fine(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env").values == {}
    (tmp_path / ".env").mkdir()
    assert read_dotenv(tmp_path / ".env").values == {}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"BASE_URL=https://host\nAPI_KEY=sk-\xff\n", ".env:2: is not UTF-8; save the file as UTF-8"),
        (b"A" * (4 * 1024 * 1024 + 1), ".env: is over 4 MB, which no settings file is; move it away"),
    ],
)
def test_a_dotenv_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_dotenv(env_file(tmp_path, content))
    assert str(caught.value) == error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_dotenv_without_permission_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"\.env: cannot be read \(Permission denied\); fix its permissions"
    ):
        read_dotenv(env_file(tmp_path, "API_KEY=a", 0o000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_config_folder_without_permission_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(0o000)
    with pytest.raises(ConfigError, match=r"cannot be read \(Permission denied\); fix its permissions"):
        from_toml(tmp_path / "config" / "llmdash.toml", "llmdash.toml", SETTINGS)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read_dotenv(env_file(tmp_path, b"\xef\xbb\xbfAPI_KEY=sk-a\n")).values == {"API_KEY": "sk-a"}
    layer = from_toml(toml_file(tmp_path, b"\xef\xbb\xbfmodel = 'm'\n"), "llmdash.toml", SETTINGS)
    assert layer["model"].value == "m"


@given(st.binary(max_size=200))
def test_no_dotenv_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = env_file(tmp_path_factory.mktemp("dotenv"), content)
    try:
        found = read_dotenv(path)
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert set(found.values) <= set(found.lines)


@given(st.text(max_size=200))
def test_no_toml_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = toml_file(tmp_path_factory.mktemp("toml"), content.encode("utf-8", "surrogatepass"))
    try:
        from_toml(path, "llmdash.toml", SETTINGS)
    except ConfigError as error:
        assert "\n" not in str(error)


def test_a_toml_value_knows_its_line(tmp_path: Path) -> None:
    text = "# mine\n\nmodel = 'm'\n  'rate' = 5\n\"stream\"=false\n"
    layer = from_toml(toml_file(tmp_path, text), "llmdash.toml", SETTINGS)
    assert {name: (entry.value, entry.place) for name, entry in layer.items()} == {
        "model": ("m", "llmdash.toml:3: model"),
        "rate": (5, "llmdash.toml:4: rate"),
        "stream": (False, "llmdash.toml:5: stream"),
    }


def test_no_toml_file_gives_nothing(tmp_path: Path) -> None:
    assert from_toml(tmp_path / "llmdash.toml", "llmdash.toml", SETTINGS) == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("model = 'm'\nmodle = 'x'\n", "llmdash.toml:2: modle: is not a setting; did you mean model?"),
        ("\nmax-tokens = 5\n", "llmdash.toml:2: max-tokens: is not a setting; did you mean max_tokens?"),
        ("RATE = 5\n", "llmdash.toml:1: RATE: is not a setting; did you mean rate?"),
        ("[rates]\nx = 1\n", "llmdash.toml:1: rates: is not a setting; did you mean rate?"),
        ("zzz = 1\n", "llmdash.toml:1: zzz: is not a setting; known are allow_insecure, api_key_env"),
        ("rate = 5\nrate = 6\n", "llmdash.toml:2: this is not TOML ("),
        ("model = \n", "llmdash.toml:1: this is not TOML ("),
        ("model = 'm'\nrate = [1,\n", "llmdash.toml:3: this is not TOML ("),
    ],
)
def test_a_toml_file_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    assert toml_error(tmp_path, text).startswith(error)


@pytest.mark.parametrize("name", ["api_key", "api_keys", "API_KEY", "key", "OPENAI_API_KEY"])
def test_a_key_written_into_a_toml_file_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    error = toml_error(tmp_path, f"rate = 5\n{name} = '{KEY}'\n")
    assert error == (
        f"llmdash.toml:2: {name}: keys do not belong in this file; put them in .env, "
        "or name their variable: api_key_env = 'NAME'"
    )


def test_a_key_on_the_wrong_side_is_not_repeated(tmp_path: Path) -> None:
    assert KEY not in toml_error(tmp_path, f"{KEY} = 'key'\n")
    assert KEY not in toml_error(tmp_path, f"model = 'm'\n{KEY}\n")
    assert KEY not in toml_error(tmp_path, f"[{KEY}]\n[{KEY}]\n")


@pytest.mark.parametrize("text", ["rate = " + "9" * 5000, "rate = " + "[" * 5000, "rate = " + "{a=" * 5000])
def test_a_monstrous_toml_value_is_refused(tmp_path: Path, text: str) -> None:
    assert toml_error(tmp_path, text)


def test_options_that_were_not_given_are_left_out() -> None:
    layer = from_flags({"rate": None, "max_tokens": 5, "stream": False}, SETTINGS)
    assert {name: entry.place for name, entry in layer.items()} == {
        "max_tokens": "--max-tokens",
        "stream": "--stream",
    }


def test_an_option_that_is_no_setting_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="not a setting: modle"):
        from_flags({"modle": "m"}, SETTINGS)
