"""Runs of earlier versions: each opens, passes doctor, is exported, and goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash, results

JOURNALS = Path(__file__).parents[1] / "engine" / "journal" / "journals"


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_of_an_earlier_version_is_checked_exported_and_resumed(version: int, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        db.executescript((JOURNALS / f"version_{version}.sql").read_text())
    (folder / "journal.sqlite").chmod(0o600)
    env = environment(tmp_path)
    checked = llmdash("doctor", folder, "--out", "old.jsonl", cwd=tmp_path, env=env)
    assert (checked.code, "Sound." in checked.out) == (0, True), checked.out
    old = results(tmp_path / "old.jsonl")
    assert [line["state"] for line in old] == ["done"] * 12
    resume = ("run", "--resume", "--run-dir", folder, "--headless", "--json", "--rate", "unlimited")
    resumed = llmdash(*resume, "--limit", "14", "--out", "new.jsonl", cwd=tmp_path, env=env)
    assert (resumed.code, resumed.summary["done"]) == (0, 14), resumed.err
    new = results(tmp_path / "new.jsonl")
    assert new[:12] == old
    assert [(line["model"], line["endpoint"]) for line in new[12:]] == [("gpt-4o-mini", "simulator")] * 2
    assert "Sound." in llmdash("doctor", folder, cwd=tmp_path, env=env).out
