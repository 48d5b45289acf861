"""Batches in a checkup: open ones are named and left as they are; what contradicts them is repaired."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from llmdash.doctor.check import check
from llmdash.doctor.findings import Level
from llmdash.engine.journal.file import NAME, Group, JournalError, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import AttemptRecord, BatchRecord
from tests.doctor.damage import JOBS, known_of, make_run, overwrite, repaired, rows, sql
from tests.doctor.test_check import bad

MEMBERS = range(30, 36)
BATCH = BatchRecord(
    batch=1,
    state="out",
    endpoint="openai",
    model="gpt-4o-mini",
    key="a",
    name="rabc-1",
    file=".llmdash-batch-1.jsonl",
    sha="0" * 64,
    bytes=4_000,
    jobs=len(MEMBERS),
    tokens=300,
    planned_at=1e9,
    file_id="file-1",
    creating_at=1e9,
    provider_id="batch_abc",
    created_at=1e9,
    expires_at=1e9 + 86_400,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which six jobs are in a batch."""
    folder = make_run(tmp_path / "run")
    journal = JournalFile.open(folder)
    members = [AttemptRecord(job, 1, "a", "batched", 1e9, batch=1) for job in MEMBERS]
    journal.write(Group(attempts=members, batches=[BATCH]))
    journal.close()
    return folder


def of_members(folder: Path) -> list[str]:
    return [state for (state,) in rows(folder, "SELECT state FROM attempts WHERE batch = 1 ORDER BY job")]


def test_an_open_batch_is_named_and_its_jobs_stay_in_it(run: Path) -> None:
    found = check(run, known_of)
    assert not bad(found)
    named = [finding for finding in found.findings if finding.what == "batch"]
    assert [finding.level for finding in named] == [Level.OK]
    assert named[0].text == "1 (batch_abc) is out: 6 jobs with key a"
    assert any("6 batched" in finding.text for finding in found.findings)
    repaired(run)
    assert of_members(run) == ["batched"] * 6


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("DELETE FROM batches", "6 jobs are in batches that are closed or not on record"),
        ("UPDATE batches SET state = 'closed'", "6 jobs are in batches that are closed"),
        ("UPDATE batches SET state = 'dropped'", "6 jobs are in batches that are closed"),
    ],
)
def test_a_job_whose_batch_is_gone_is_pending_again(run: Path, harm: str, words: str) -> None:
    sql(run, harm)
    (problem,) = bad(check(run, known_of))
    assert words in problem
    assert "paid" in problem  # it may be sent twice
    _, after = repaired(run)
    assert after.sound
    assert of_members(run) == ["unknown"] * 6


def test_the_result_of_a_job_counts_although_it_is_in_an_open_batch(run: Path) -> None:
    sql(run, "INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (30, 2, 'a', 'ok', 1e9)")
    sql(run, "INSERT INTO results (job, id, state, text, verdict, key, attempts) VALUES "
        "(30, 'p30', 'done', 'an answer', 1, 'a', 2)")  # fmt: skip
    (problem,) = bad(check(run, known_of))
    assert "1 job has a result and is in an open batch" in problem
    repaired(run)
    assert of_members(run) == ["unknown", *["batched"] * 5]
    assert rows(run, "SELECT text FROM results WHERE job = 30") == [("an answer",)]


def test_a_job_in_two_open_batches_stays_in_the_later_one(run: Path) -> None:
    columns = "job, attempt, key, state, sent_at, batch"
    sql(run, f"INSERT INTO attempts ({columns}) VALUES (31, 2, 'a', 'batched', 1e9, 1)")  # noqa: S608
    assert "two open batches" in bad(check(run, known_of))[0]
    repaired(run)
    states = rows(run, "SELECT attempt, state FROM attempts WHERE job = 31 ORDER BY attempt")
    assert states == [(1, "unknown"), (2, "batched")]


@pytest.mark.parametrize(
    ("harm", "state"), [("", "out"), ("UPDATE batches SET provider_id = NULL", "creating")]
)
def test_a_batch_in_no_known_state_is_looked_for_at_the_provider(run: Path, harm: str, state: str) -> None:
    sql(run, *([harm] if harm else []), "UPDATE batches SET state = 'odd', jobs = -4, expires_at = 'soon'")
    assert "batch holds invalid values" in bad(check(run, known_of))[0]
    _, after = repaired(run)
    assert after.sound
    assert rows(run, "SELECT state, jobs, expires_at FROM batches") == [(state, 0, None)]
    assert of_members(run) == ["batched"] * 6


@pytest.mark.parametrize(
    "harm", ["state = 'odd'", "jobs = 'many'", "expires_at = 'soon'", "provider_id = x'ff'", "key = x'ff'"]
)
def test_a_run_with_a_damaged_batch_is_not_gone_on_with_before_it_is_repaired(run: Path, harm: str) -> None:
    JournalReader(run).check(JOBS)
    sql(run, f"UPDATE batches SET {harm}")  # noqa: S608 - our own statements
    with pytest.raises(JournalError, match="batches: 1 row out of range"):
        JournalReader(run).check(JOBS)
    repaired(run)
    JournalReader(run).check(JOBS)


def test_batches_are_saved_from_a_damaged_journal(run: Path) -> None:
    sql(run, "PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(run / NAME)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'health'").fetchone()
    overwrite(run / NAME, 0, 100, seed=1)  # no way leads to any table: every page is read for itself
    overwrite(run / NAME, (root - 1) * 4096, 4096, seed=2)
    _, after = repaired(run)
    assert rows(run, "SELECT * FROM batches") == [tuple(BATCH)]
    assert of_members(run) == ["batched"] * 6
    assert after.sums is not None
    assert after.sums.jobs == JOBS
