"""Time series, moments and prompts: checked, repaired and salvaged beside jobs and keys, and never taken for
them.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llmdash.doctor.check import check
from llmdash.doctor.findings import Level
from llmdash.engine.journal.file import NAME, Group, JournalFile
from llmdash.engine.journal.totals import totals_facts, totals_in
from llmdash.engine.model.frame import RunPart, Score
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import RunState
from tests.doctor.damage import FACTS, JOBS, known_of, make_run, overwrite, repaired, results_in, rows, sql
from tests.engine.journal.test_journal import journal_of

PAGE = 4096
SAMPLES, MOMENTS = 300, 600
_SAMPLE = "INSERT INTO samples (at, active_s, sent, tokens, in_flight, throttled) VALUES "
TABLES = {"samples": "at", "moments": "serial", "prompts": "job"}


def fill(folder: Path) -> Path:
    """Give a run a time series, moments and prompts, many of them of whole numbers alone."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    n + 1.0 + (n % 2) / 2,
                    float(n),
                    5,
                    90,
                    3.0,
                    0,
                    0.1 if n % 2 else None,
                    0.5,
                    20.0,
                    64,
                    "rate",
                    0.1,
                )
                for n in range(SAMPLES)
            ],
        )
        db.executemany(
            "INSERT INTO moments VALUES (?, ?, ?, ?, ?)",
            [
                (n, 1e9 + n / 2, "rate" if n % 2 else "key", "a" if n % 3 else None, "5.0" if n % 5 else None)
                for n in range(MOMENTS)
            ],
        )
        db.executemany(
            "INSERT INTO prompts VALUES (?, ?)",
            [
                (n, json.dumps([{"role": "user", "content": "why " * (2000 if n == 7 else 20)}]))
                for n in range(JOBS)
            ],
        )
        db.execute("COMMIT")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return fill(make_run(tmp_path / "run", text="x" * 300))


def content(folder: Path) -> dict[str, set[tuple[Any, ...]]]:
    return {table: set(rows(folder, f"SELECT * FROM {table}")) for table in TABLES}  # noqa: S608 - our own names


def attempts_in(folder: Path) -> set[tuple[Any, ...]]:
    return set(rows(folder, "SELECT job, attempt, key, state FROM attempts"))


def test_sound_records_are_no_finding(run: Path) -> None:
    assert [finding for finding in check(run, known_of).findings if finding.level is not Level.OK] == []


def test_a_bad_page_costs_its_own_rows_and_makes_no_others(run: Path, tmp_path: Path) -> None:
    before, attempts, results = content(run), attempts_in(run), results_in(run)
    for page in range((run / NAME).stat().st_size // PAGE):
        broken = tmp_path / f"page{page}"
        shutil.copytree(run, broken)
        overwrite(broken / NAME, page * PAGE, PAGE, seed=page)
        repaired(broken)
        after = content(broken)
        for table in TABLES:
            assert after[table] <= before[table], f"page {page}: {table}"
            assert len(after[table]) >= len(before[table]) - 200, f"page {page}: {table}"
        known = {(job, attempt) for job, attempt, *_ in attempts}
        assert {(job, attempt) for job, attempt, *_ in attempts_in(broken)} <= known
        assert results_in(broken).items() <= results.items()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            _SAMPLE + "('x', 1, 1, 1, 1, 1)",
            "point",
        ),
        (
            _SAMPLE + "(9e9, 1, -1, 1, 1, 1)",
            "point",
        ),
        ("UPDATE samples SET ttft_p50 = 'soon' WHERE at = 1", "point"),
        ("UPDATE samples SET binding = CAST(x'ff' AS TEXT) WHERE at = 1", "point"),
        ("UPDATE samples SET cost = -1 WHERE at = 1", "point"),
        ("UPDATE moments SET kind = x'00ff' WHERE serial = 3", "what was set or happened"),
        ("UPDATE moments SET at = 'never' WHERE serial = 3", "what was set or happened"),
        ("UPDATE moments SET value = x'ff' WHERE serial = 3", "what was set or happened"),
        ("UPDATE prompts SET messages = '[' WHERE job = 3", "prompt"),
        ("UPDATE prompts SET messages = '{}' WHERE job = 3", "prompt"),
        ("UPDATE prompts SET messages = x'5b5d' WHERE job = 3", "prompt"),
        ("UPDATE prompts SET job = 45 WHERE job = 3", "prompt"),
        ("UPDATE prompts SET job = -1 WHERE job = 3", "prompt"),
    ],
)
def test_a_damaged_row_is_told_and_dropped(run: Path, statement: str, words: str) -> None:
    before, results = content(run), results_in(run)
    sql(run, statement)
    found = [finding for finding in check(run, known_of).findings if finding.level is Level.PROBLEM]
    assert len(found) == 1
    assert found[0].text.startswith("1 ")
    assert words in found[0].text
    done, checkup = repaired(run)
    assert any(words in action and action.endswith("removed") for action in done)
    assert checkup.sound
    assert sum(len(before[table] - content(run)[table]) for table in TABLES) <= 1
    assert results_in(run) == results


@pytest.mark.parametrize("version", [1, 2, 3])
def test_journals_of_earlier_versions_need_no_such_tables(version: int, tmp_path: Path) -> None:
    journal_of(version, tmp_path)
    assert not [finding for finding in check(tmp_path, lambda _: None).findings if finding.what == "rows"]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: sql(folder, "DROP TABLE prompts"),
        lambda folder: overwrite(folder / NAME, 20 * PAGE, 100, seed=3),
    ],
)
def test_a_table_that_is_missing_hinders_no_repair(run: Path, break_it: Callable[[Path], None]) -> None:
    break_it(run)
    repaired(run)
    assert results_in(run)


def test_answers_without_texts_are_not_lost_where_none_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    journal = JournalFile.create(folder, {**FACTS, "keep": "none"})
    attempts = [AttemptRecord(job, 1, "a", "ok", 1e9) for job in range(3)]
    journal.write(
        Group(attempts, [ResultRow(job, f"p{job}", "done", key="a", attempts=1) for job in range(3)])
    )
    journal.close()
    assert [each for each in check(folder, known_of).findings if each.what == "rows"] == []
    assert repaired(folder)[0] == []
    assert rows(folder, "SELECT COUNT(*) FROM results") == [(3,)]
    sql(folder, "DELETE FROM run WHERE name = 'keep'")
    assert any("lost their text" in each.text for each in check(folder, known_of).findings)


def test_the_totals_are_counted_anew_after_a_repair(run: Path) -> None:
    part = RunPart(state=RunState.DONE, jobs=JOBS, done=JOBS, score=Score(JOBS), cost=1.5)
    with closing(sqlite3.connect(run / NAME, isolation_level=None)) as db:
        db.executemany("INSERT INTO run VALUES (?, ?)", totals_facts(part, 1.0).items())
    sql(run, "UPDATE results SET text = NULL WHERE job = 0")
    repaired(run)
    totals = totals_in(dict(rows(run, "SELECT name, value FROM run")))
    assert totals is not None
    assert (totals.done, totals.right, totals.cost) == (len(results_in(run)), len(results_in(run)), 1.5)


@pytest.mark.parametrize("fact", ["tags", "totals"])
def test_new_facts_are_known_and_damaged_ones_dropped(run: Path, fact: str) -> None:
    sql(
        run, "INSERT INTO run VALUES ('title', 'my run'), ('held', 'trial'), ('keep', 'all'), ('budget', 5.0)"
    )
    assert check(run, known_of).sound
    sql(run, f"INSERT INTO run VALUES ('{fact}', '[[')")  # noqa: S608 - our own names
    assert not check(run, known_of).sound
    done, _ = repaired(run)
    assert any("fact of the run holds an invalid value" in action for action in done)
