"""Journals to damage: one that a run could have left, and ways to harm it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from llmdash.doctor.findings import Checkup, Finding, Known
from llmdash.doctor.repair import repair
from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRow

__all__ = [
    "FACTS",
    "JOBS",
    "as_killed",
    "known_of",
    "make_run",
    "overwrite",
    "repaired",
    "results_in",
    "rows",
    "sql",
]

JOBS = 40
FACTS = {
    "fingerprint": "f" * 64,
    "jobs": JOBS,
    "path": None,
    "limit": JOBS,
    "seed": 1,
    "name": "x",
    "models": "{}",
    "rate": "5.0",
    "begun_at": "2026-01-31T14:25:00+00:00",
}


def known_of(facts: Mapping[str, Any]) -> Known | None:
    """An input that is still what it was, if the journal tells where it is."""
    return Known("f" * 64, JOBS) if facts.get("seed") == 1 and facts.get("limit") == JOBS else None


def make_run(folder: Path, jobs: int = JOBS, text: str = "answer") -> Path:
    """A run of which two thirds are done: some jobs were tried twice, some failed, one was cancelled."""
    folder.mkdir(mode=0o700, exist_ok=True)
    journal = JournalFile.create(folder, {**FACTS, "jobs": jobs})
    group = Group(health=[HealthRecord("b", "throttled", 1.0, 5.0, "slow down", 1)])
    for job in range(jobs * 2 // 3):
        tries = 1 + (job % 4 == 0)
        for attempt in range(1, tries):
            group.attempts.append(AttemptRecord(job, attempt, "b", "failed", 1e9 + job, "throttle", 429))
        last = AttemptRecord(job, tries, "a", "ok", 1e9 + job, ttft_s=0.1, latency_s=0.5, input_tokens=9)
        result = ResultRow(job, f"p{job}", "done", f"{text} {job}", "yes", 1, "a", tries, 0.1, 0.5, 9)
        if job % 7 == 3:
            last = last._replace(state="failed", failure="request", status=400)
            result = result._replace(state="failed", text=None, error="400 no", input_tokens=None)
        group.attempts.append(last)
        group.results.append(result)
    group.results.append(ResultRow(jobs - 1, "last", "cancelled"))
    journal.write(group)
    journal.close()
    return folder


def as_killed(folder: Path, to: Path) -> Path:
    """What a `kill -9` leaves of a run in `folder`: half of its rows in the journal, half in SQLite's log."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("UPDATE results SET id = id || '' WHERE job % 2")
        db.execute("UPDATE attempts SET message = 'once more' WHERE state = 'failed'")
        db.execute("INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (30, 1, 'a', 'sent', 1)")
        to.mkdir(mode=0o700)
        for name in (NAME, f"{NAME}-wal"):
            shutil.copyfile(folder / name, to / name)
            (to / name).chmod(0o600)
    return to


def sql(folder: Path, *statements: str) -> None:
    """Change the journal behind the program's back."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    """What the journal answers."""
    with closing(sqlite3.connect(folder / NAME)) as db:
        return db.execute(question).fetchall()


def results_in(folder: Path) -> dict[int, tuple[str, str]]:
    """The answers on record: job -> (id, text)."""
    return {
        job: (name, text)
        for job, name, text in rows(folder, "SELECT job, id, text FROM results WHERE state = 'done'")
    }


def overwrite(path: Path, start: int, length: int, seed: int) -> None:
    """Garbage over `length` bytes of a file from `start`."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.Random(seed).randbytes(length))
        file.flush()
        os.fsync(file.fileno())


def repaired(folder: Path) -> tuple[list[str], Checkup]:
    """Repair, and hold that a second repair finds nothing left to do."""
    done, checkup = repair(folder, known_of)
    again, after = repair(folder, known_of)
    assert again == [], "repairing is idempotent"
    assert _lasting(after) == _lasting(checkup)
    return done, checkup


def _lasting(checkup: Checkup) -> list[Finding]:
    """What was found, but for the room on the disk, which others use too."""
    return [finding for finding in checkup.findings if finding.what != "folder"]
