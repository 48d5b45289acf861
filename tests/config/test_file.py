"""What `llmdash init` writes is read back as it was meant."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import ConfigError, load_settings
from llmdash.config.dotenv import read_dotenv
from llmdash.config.file import Answers, append_variables, toml_text, write_config

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
LINES = st.text(max_size=30).map(lambda text: " ".join(text.split())).filter(str.isprintable)


@given(st.lists(KEYS, min_size=1, max_size=3))
def test_any_key_comes_back_from_dotenv_as_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    path = tmp_path_factory.mktemp("dotenv") / ".env"
    given = {f"KEY_{number}": key for number, key in enumerate(keys)}
    for name, key in given.items():
        append_variables(path, [(name, key)])
    found = read_dotenv(path)
    assert (found.values, found.warnings) == (given, ())


@given(LINES.filter(bool))
def test_any_model_comes_back_from_the_file_as_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, model: str
) -> None:
    folder = tmp_path_factory.mktemp("toml")
    answers = Answers("e", "openai-chat", "9/s", "https://host/v1", model, ("A_KEY", "B_KEY"))
    write_config(folder / "llmdash.toml", toml_text(answers), force=False)
    environ = {"A_KEY": "sk-a", "B_KEY": "sk-b"}
    try:
        settings = load_settings({}, environ=environ, cwd=folder, user_config=folder / "none.toml")
    except ConfigError as error:
        assert "llmdash.toml:16: model: " in str(error)  # what shows as a glyph cannot be a model
    else:
        assert (settings.model, settings.rate, len(settings.keys)) == (model, 9.0, 2)


def test_a_dotenv_keeps_what_it_holds_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nA=1")
    path.chmod(0o644)
    append_variables(path, [("MY_KEY", "sk-a")])
    assert path.read_text() == "# mine\nA=1\nMY_KEY=sk-a\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_dotenv_that_is_a_pipe_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"\.env: is a pipe; put MY_KEY where it is filled from"):
        append_variables(path, [("MY_KEY", "sk-a")])


def test_a_file_is_not_overwritten_by_chance(tmp_path: Path) -> None:
    path = tmp_path / "llmdash.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists already; move it away, or overwrite it with --force"):
        write_config(path, "new", force=False)
    assert path.read_text() == "mine"
    write_config(path, "new", force=True)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("llmdash.toml", "new")]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"llmdash.toml: cannot be written \(No such file"):
        write_config(tmp_path / "none" / "llmdash.toml", "x", force=False)
    with pytest.raises(ConfigError, match=r"\.env: cannot be written \(No such file"):
        append_variables(tmp_path / "none" / ".env", [("A_KEY", "sk-a")])
