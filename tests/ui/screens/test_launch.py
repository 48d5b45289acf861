"""What is typed on the start screen, and what is remembered of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.launcher import LaunchError, concurrency_from_text, rate_as_text, rate_from_text
from llmdash.ui.settings.preferences import Preferences, PreferencesFile


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5", 5.0),
        ("5/s", 5.0),
        (" 2.5 / s ", 2.5),
        ("300/min", 5.0),
        ("90/m", 1.5),
        ("3600/h", 1.0),
        ("none", None),
        ("", None),
        ("No limit", None),
    ],
)
def test_a_rate_is_read_as_requests_a_second(text: str, rate: float | None) -> None:
    assert rate_from_text(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "5/week", "fast", "1e400", "nan", "9" * 400, "[/]"])
def test_a_rate_that_is_none_is_refused_with_a_word_on_how_to_write_one(text: str) -> None:
    with pytest.raises(LaunchError, match="write 5, 5/s, 300/min or none"):
        rate_from_text(text)


@given(st.none() | st.floats(min_value=0.01, max_value=99_999))
def test_a_rate_that_was_written_reads_back_nearly_the_same(rate: float | None) -> None:
    read = rate_from_text(rate_as_text(rate))
    assert read == (None if rate is None else pytest.approx(rate, rel=1e-3))


@given(st.text())
def test_any_concurrency_is_a_whole_number_or_refused(text: str) -> None:
    try:
        assert 1 <= concurrency_from_text(text) <= 999_999
    except LaunchError as error:
        assert "Concurrency" in str(error)


def test_preferences_come_back_as_they_were_saved(tmp_path: Path) -> None:
    file = PreferencesFile(tmp_path / "new" / "preferences.toml")
    assert file.load() == (Preferences(), "")
    kept = Preferences(theme="deep-harbor", rate=18.5, concurrency=64)
    assert file.save(kept) == ""
    assert file.load() == (kept, "")
    assert [path.name for path in file.path.parent.iterdir()] == ["preferences.toml"], "no draft stays behind"


@pytest.mark.parametrize("content", [b"theme = ", b"\xff\xfe", b"\x00"])
def test_a_corrupt_file_is_ignored_with_a_word(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "preferences.toml"
    path.write_bytes(content)
    preferences, problem = PreferencesFile(path).load()
    assert preferences == Preferences()
    assert "preferences.toml: preferences ignored" in problem
    assert "\n" not in problem


def test_a_value_of_the_wrong_kind_is_ignored_and_the_others_count(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text('theme = 4\nrate = "fast"\nconcurrency = 32\nother = true\n')
    preferences, problem = PreferencesFile(path).load()
    assert preferences == Preferences(concurrency=32)
    assert "theme, rate" in problem


def test_a_folder_that_cannot_be_written_costs_a_word(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert "not saved" in PreferencesFile(blocker / "preferences.toml").save(Preferences(theme="x"))
