"""Deleting a run, and reading one, where the disk holds something else than expected."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from llmdash.engine.journal.file import NAME, JournalError, StorageError
from llmdash.engine.journal.lock import RunLock
from llmdash.runs.catalogue import KeptState, entry_of, kept_bytes, kept_runs
from llmdash.runs.details import details_of
from llmdash.runs.pruning import PruneOrder, Spared, chosen, prune
from llmdash.runs.removal import GoneError, delete_run
from tests.runs.kept import FACTS, ended, keep, totals


def test_a_run_that_is_gone_or_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("gone", "file"):
        with pytest.raises(GoneError, match="is gone already"):
            delete_run(tmp_path / name)


def test_a_run_that_cannot_be_locked_stays() -> None:
    folder = keep()
    (folder / "lock").mkdir()
    with pytest.raises(StorageError, match="cannot be deleted"):
        delete_run(folder)
    assert (folder / NAME).exists()


@pytest.mark.parametrize("content", ["", "[", "[]", '{"port": 1}', "x" * 70_000])
def test_a_file_of_another_engine_stays(tmp_path: Path, content: str) -> None:
    folder = keep(at=tmp_path / "mine")
    (folder / "engine.json").write_text(content)
    assert delete_run(folder).left == ("engine.json",)


def test_the_input_beside_a_damaged_journal_stays(tmp_path: Path) -> None:
    folder = keep(at=tmp_path / "mine")
    (folder / "input").write_text("why?")
    (folder / NAME).write_bytes(b"\xff" * 5000)
    assert delete_run(folder).left == ("input",)


def test_a_run_that_was_tagged_meanwhile_or_is_gone_is_passed_over() -> None:
    done = {**FACTS, **totals(failed=0, done=4)}
    gone, kept = keep("20260101-000000-a", done), keep("20260102-000000-b", done)
    order = PruneOrder(keep_last=0)
    entries = chosen(list(kept_runs()), order, 0.0)
    delete_run(gone)
    with closing(sqlite3.connect(kept / NAME, isolation_level=None)) as db:
        db.execute("INSERT INTO run VALUES ('tags', '[\"keep\"]')")
    (spared,) = prune(entries, order)
    assert isinstance(spared, Spared)
    assert "was changed meanwhile" in spared.why
    assert (kept / NAME).exists()


def test_a_living_run_whose_writer_is_at_work_is_listed_without_figures() -> None:
    folder = keep(facts={**FACTS, **totals()})
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # as on a network disk
        db.execute("BEGIN EXCLUSIVE")
        lock = RunLock(folder)
        entry = entry_of(folder)
        assert (entry.state, entry.alive, entry.jobs) == (KeptState.RUNNING, True, None)
        lock.release()


def test_a_journal_that_is_damaged_beside_its_log_is_looked_at_again() -> None:
    folder = keep()
    (folder / NAME).write_bytes(b"\xff" * 5000)
    (folder / f"{NAME}-wal").touch()
    assert entry_of(folder).state is KeptState.DAMAGED


def test_a_journal_without_results_is_damaged_and_one_without_attempts_is_told() -> None:
    folder = keep(facts={**FACTS, **totals()}, results=[ended(0)])
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("DROP TABLE attempts")
    with pytest.raises(JournalError, match="llmdash doctor"):
        details_of(folder)
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("DROP TABLE results")
        db.execute("DELETE FROM run WHERE name = 'totals'")
    assert entry_of(folder).state is KeptState.DAMAGED
    assert details_of(folder).files == {NAME: (folder / NAME).stat().st_size}


def test_the_size_of_all_runs_is_that_of_their_files(tmp_path: Path) -> None:
    first, second = keep("20260101-000000-a"), keep("20260102-000000-b")
    (first / "notes.txt").write_text("x" * 10_000)
    assert kept_bytes() == sum((folder / NAME).stat().st_size for folder in (first, second))
