"""Results are written from the dashboard: into a new file each time, or with a line on why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmdash.launch.kept_sessions import kept_session
from llmdash.launch.results_here import results_here
from llmdash.ui.launcher import LaunchError
from tests.engine.scripted import Server, plan, prompts, run
from tests.ui.fake_session import FakeSession


def test_results_go_into_a_file_that_was_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run-1"
    folder.mkdir()
    run(plan(folder, Server(), prompts(3)))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    session = kept_session(folder)
    names = [results_here(session), results_here(session)]
    assert names == ["run-1.jsonl", "run-1-2.jsonl"]
    for name in names:
        assert len([json.loads(line) for line in Path(name).read_text().splitlines()]) == 3


def test_of_marked_jobs_their_results_alone_are_written_if_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run-1"
    folder.mkdir()
    run(plan(folder, Server(), prompts(5)))
    monkeypatch.chdir(tmp_path)
    session = kept_session(folder)
    name = results_here(session, {1, 3})
    assert name == "run-1-marked.jsonl"
    assert [json.loads(line)["index"] for line in Path(name).read_text().splitlines()] == [1, 3]
    with pytest.raises(LaunchError, match="none of the marked jobs has ended"):
        results_here(session, {77})
    assert [path.name for path in tmp_path.glob("*.jsonl")] == [name]


def test_what_keeps_the_results_from_being_written_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run-1"
    folder.mkdir()
    run(plan(folder, Server(), prompts(3)))
    monkeypatch.chdir(tmp_path)
    session = kept_session(folder)
    (folder / "journal.sqlite").unlink()
    for refused in (session, FakeSession()):
        with pytest.raises(LaunchError) as said:
            results_here(refused)
        assert "\n" not in str(said.value)
