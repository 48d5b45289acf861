"""Damage of every kind to journals: what is intact stays, what is not is told, and once is enough."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from llmdash.doctor.check import check
from llmdash.doctor.findings import Checkup, Level
from llmdash.engine.journal.file import NAME, VERSION, JournalFile
from llmdash.engine.journal.reader import JournalReader
from tests.doctor.damage import (
    JOBS,
    as_killed,
    known_of,
    make_run,
    overwrite,
    repaired,
    results_in,
    rows,
    sql,
)

PAGE = 4096


def unrepaired(checkup: Checkup) -> list[str]:
    """What is still wrong, but for lost facts of the run and the sums that hang on them: no one can know."""
    return [
        finding.text
        for finding in checkup.findings
        if finding.level is not Level.OK and finding.what not in ("facts", "sums")
    ]


def test_a_bad_page_costs_its_own_rows_and_no_others(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", text="x" * 300)
    before = results_in(folder)
    size = (folder / NAME).stat().st_size
    for page in range(size // PAGE):
        broken = tmp_path / f"page{page}"
        shutil.copytree(folder, broken)
        overwrite(broken / NAME, page * PAGE, PAGE, seed=page)
        done, checkup = repaired(broken)
        kept = results_in(broken)
        assert kept.items() <= before.items()
        assert len(kept) >= len(before) - 12, f"page {page}: no more than a dozen fit in a page"
        assert any("what could be read is in a new one" in action for action in done)
        assert unrepaired(checkup) == []


def test_rows_that_make_no_sense_cost_no_others_of_their_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", text="x" * 300)
    before = results_in(folder)
    pages = (folder / NAME).read_bytes()
    leaves = [place for place in range(PAGE, len(pages), PAGE) if pages[place] == 13]
    for leaf in leaves:
        for row in (2, 4):
            overwrite(folder / NAME, leaf + 8 + 2 * row, 2, seed=77)
    repaired(folder)
    kept = results_in(folder)
    assert kept.items() <= before.items()
    assert len(kept) >= len(before) - 2 * len(leaves)


@pytest.mark.parametrize("bytes_left", [100, 4096, 12_000, 20_480, 21_052, 28_424])
def test_a_file_that_was_cut_short_keeps_what_is_left(tmp_path: Path, bytes_left: int) -> None:
    folder = make_run(tmp_path / "run", text="x" * 300)
    before = results_in(folder)
    os.truncate(folder / NAME, bytes_left)
    repaired(folder)
    kept = results_in(folder)
    assert kept.items() <= before.items()
    assert len(kept) >= (bytes_left // PAGE - 6) * 8


VALUES = (
    *("'sent'", "'ok'", "'done'", "'failed'", "'unknown'", "''", "'{'", "NULL", "7", "-1", "2.5", "1e300"),
    *("x'ff00'", "CAST(x'c3' AS TEXT)", "99999999999"),
)
COLUMNS = (
    *(
        f"results.{name}"
        for name in ("state", "text", "attempts", "verdict", "error", "key", "ttft_s", "id", "worker")
    ),
    *(
        f"attempts.{name}"
        for name in ("state", "failure", "key", "status", "message", "attempt", "job", "worker")
    ),
    *("run.value", "health.state", "health.times"),
)
KEYS = {"results": "job", "attempts": "job", "run": "name", "health": "key"}
ROWS = st.integers(0, 60)
BYTES = st.integers(0, 60_000)

deleted = st.tuples(st.sampled_from(sorted(KEYS)), ROWS)
changed = st.tuples(st.sampled_from(COLUMNS), ROWS, st.sampled_from(VALUES))
overwritten = st.tuples(BYTES, st.integers(1, 6_000))


def delete(folder: Path, table: str, place: int) -> None:
    key = KEYS[table]
    sql(folder, f"DELETE FROM {table} WHERE {key} = (SELECT {key} FROM {table} LIMIT 1 OFFSET {place})")  # noqa: S608


def change(folder: Path, column: str, place: int, value: str) -> None:
    table, name = column.split(".")
    key = KEYS[table]
    chosen = f"{key} = (SELECT {key} FROM {table} LIMIT 1 OFFSET {place})"  # noqa: S608
    sql(folder, f"UPDATE OR IGNORE {table} SET {name} = {value} WHERE {chosen}")  # noqa: S608


def assert_usable(folder: Path) -> None:
    """What a resume and an export read can be read."""
    reader = JournalReader(folder)
    states = {row.state for row in reader.ended()}
    assert states <= {"done", "failed", "cancelled"}
    assert sum(1 for _ in reader.results()) == sum(1 for _ in reader.ended())
    for totals in reader.sums.key_totals().values():
        assert totals.sent == totals.ok + totals.throttled + totals.errors + totals.cut
    JournalFile.open(folder).close()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives copies of a run that ended, or that was `killed`, each in a folder of its own."""
    home = tmp_path_factory.mktemp("pristine")
    ended = make_run(home / "ended", text="y" * 200)
    cut_off = as_killed(make_run(home / "going", text="y" * 200), home / "killed")

    def copy(*, killed: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("copy") / "run"
        shutil.copytree(cut_off if killed else ended, folder)
        return folder

    return copy


@settings(max_examples=40)
@given(deletions=st.lists(deleted, max_size=3), changes=st.lists(changed, max_size=4))
def test_whatever_is_done_to_rows_is_repaired_and_every_answer_that_is_intact_stays(
    fresh: Callable[..., Path], deletions: list[tuple[str, int]], changes: list[tuple[str, int, str]]
) -> None:
    folder = fresh()
    for each in deletions:
        delete(folder, *each)
    for one in changes:
        change(folder, *one)
    standing = "state = 'done' AND typeof(text) = 'text' AND text LIKE 'y%' AND job BETWEEN 0 AND 39"
    intact = dict(rows(folder, f"SELECT job, text FROM results WHERE {standing}"))  # noqa: S608
    versions = rows(folder, "SELECT value FROM run WHERE name = 'version' AND typeof(value) = 'integer'")
    assume(all(version <= VERSION for (version,) in versions))  # it would be left to a newer llmdash
    check(folder, known_of)
    _, checkup = repaired(folder)
    kept = {job: text for job, (_, text) in results_in(folder).items()}
    assert intact.items() <= kept.items()
    assert unrepaired(checkup) == []
    assert_usable(folder)


@pytest.mark.parametrize("place", [0, 16, 18, 19, 20, 21, 28, 31, 36, 44, 52, 56, 60, 92, 96])
def test_a_damaged_header_costs_nothing(fresh: Callable[..., Path], place: int) -> None:
    before = results_in(fresh())
    folder = fresh()
    overwrite(folder / NAME, place, 1, seed=77)
    _, checkup = repaired(folder)
    assert results_in(folder) == before
    assert checkup.sound
    assert_usable(folder)


def test_a_damaged_journal_is_saved_with_what_is_still_in_the_log_of_a_kill(
    fresh: Callable[..., Path],
) -> None:
    before = results_in(fresh())
    for page in range(8):
        folder = fresh(killed=True)
        overwrite(folder / NAME, page * PAGE, PAGE, seed=page)
        _, checkup = repaired(folder)
        assert unrepaired(checkup) == []
        kept = results_in(folder)
        assert kept.items() <= before.items()
        assert len(kept) >= len(before) - 16


def test_a_damaged_page_of_the_log_costs_nothing_that_was_written_after_it(
    fresh: Callable[..., Path],
) -> None:
    folder = fresh(killed=True)
    before = results_in(fresh())
    overwrite(folder / NAME, 0, 100, seed=1)
    overwrite(folder / f"{NAME}-wal", 32, 4, seed=1)  # the number of its first page
    _, checkup = repaired(folder)
    assert unrepaired(checkup) == []
    assert results_in(folder) == before
    assert rows(folder, "SELECT state FROM attempts WHERE job = 30") == [("unknown",)]


@settings(max_examples=40)
@example(killed=False, overwrites=[(3531, 84)], flips=[], cut=None)  # the length of a text
@example(killed=False, overwrites=[], flips=[(3105, 0)], cut=None)  # the name of a column
@example(killed=False, overwrites=[(2963, 1)], flips=[], cut=None)  # the type of a column of version 3
@given(
    killed=st.booleans(),
    overwrites=st.lists(overwritten, max_size=3),
    flips=st.lists(st.tuples(BYTES, st.integers(0, 255)), max_size=3),
    cut=st.none() | BYTES,
)
def test_whatever_is_done_to_bytes_the_rest_is_repaired_and_usable(
    fresh: Callable[..., Path],
    killed: bool,
    overwrites: list[tuple[int, int]],
    flips: list[tuple[int, int]],
    cut: int | None,
) -> None:
    folder = fresh(killed=killed)
    path = folder / (f"{NAME}-wal" if killed and len(flips) % 2 else NAME)
    size = path.stat().st_size
    for start, length in overwrites:
        overwrite(path, start % size, min(length, size - start % size), seed=start)
    for place, seed in flips:
        overwrite(path, place % size, 1, seed=seed)
    if cut is not None:
        os.truncate(path, cut % size)
    check(folder, known_of)
    _, checkup = repaired(folder)
    if not (folder / NAME).exists():
        assert cut is not None
        assert unrepaired(checkup) == ["there is none"]
        return
    assert set(results_in(folder)) <= set(range(JOBS)) or "facts" in {each.what for each in checkup.findings}
    assert unrepaired(checkup) == []
    assert_usable(folder)
