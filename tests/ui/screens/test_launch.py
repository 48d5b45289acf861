"""What is typed on the home screen, and what is remembered of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config.values import parse_rate
from llmdash.ui.launcher import REUSE, Launch, launch_of, launch_record, rate_as_text
from llmdash.ui.settings.preferences import Preferences, PreferencesFile

LAUNCHES = st.builds(
    Launch,
    prompt_path=st.sampled_from([Path("a.csv"), Path("/data/b c.jsonl")]),
    endpoint=st.text(),
    model=st.text(),
    rate=st.just(5.0),
    concurrency=st.just(64),
    template=st.text(),
    options=st.lists(st.from_regex(r"[a-z]+=[0-9]+", fullmatch=True)).map(tuple),
    trial=st.integers(0, 1000),
    budget=st.none() | st.floats(0.01, 1e6),
    reuse=st.sampled_from(REUSE),
    dedupe=st.sampled_from(REUSE),
    auto=st.booleans(),
)


@given(LAUNCHES)
def test_a_launch_that_was_remembered_comes_back(launch: Launch) -> None:
    assert launch_of(launch_record(launch), 5.0, 64) == launch


@given(
    st.dictionaries(
        st.sampled_from(["trial", "budget", "reuse", "options", "endpoint"]), st.text() | st.floats()
    )
)
def test_what_was_edited_into_nonsense_is_not_chosen(record: dict[str, str | float]) -> None:
    launch = launch_of(record, None, 1)
    assert launch.trial >= 0 and (launch.budget is None or launch.budget > 0) and launch.reuse in REUSE


@given(st.none() | st.floats(min_value=0.01, max_value=99_999))
def test_a_rate_is_written_as_settings_read_it(rate: float | None) -> None:
    assert parse_rate(rate_as_text(rate)) == (None if rate is None else pytest.approx(rate, rel=1e-3))


def test_preferences_come_back_as_they_were_saved(tmp_path: Path) -> None:
    file = PreferencesFile(tmp_path / "new" / "preferences.toml")
    assert file.load() == (Preferences(), "")
    kept = Preferences(theme="deep-harbor", rate=18.5, concurrency=64, launch={"trial": 20})
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
