"""Kept runs are listed from what their journals say, and found by what people call them."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from llmdash import locations
from llmdash.engine.journal.file import NAME, Group, JournalFile, StorageError
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.model.states import RunState
from llmdash.runs.catalogue import (
    KeptState,
    RunEntry,
    UnknownRunError,
    entry_of,
    find_kept,
    find_run,
    kept_runs,
    run_folders,
)
from llmdash.runs.known import known_elsewhere, remember
from tests.engine.journal.test_journal import journal_of
from tests.runs.kept import AT, FACTS, ended, keep, totals


def only() -> RunEntry:
    (entry,) = kept_runs()
    return entry


@pytest.fixture
def sums() -> None:
    for name in ("20260101-000000-sums", "20260102-000000-sums", "20260102-000000-sums-2"):
        keep(name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", "20260102-000000-sums-2"),
        ("20260101-000000-sums", "20260101-000000-sums"),
        ("20260102-000000-sums", "20260102-000000-sums"),
        ("20260101", "20260101-000000-sums"),
        ("sums-2", "20260102-000000-sums-2"),
    ],
)
@pytest.mark.usefixtures("sums")
def test_a_run_is_found_by_its_name_or_the_start_or_end_of_it(name: str, found: str) -> None:
    assert find_run(name).name == found


def test_a_run_elsewhere_is_found_by_its_folder(tmp_path: Path) -> None:
    folder = keep(at=tmp_path / "elsewhere")
    assert find_run(str(folder)) == folder


@pytest.mark.parametrize("name", ["sums", "20260102", "none", "", "a\0b", "x" * 5000])
@pytest.mark.usefixtures("sums")
def test_a_name_that_means_no_run_or_several_is_refused(name: str) -> None:
    with pytest.raises(UnknownRunError):
        find_run(name)


@pytest.mark.parametrize("name", ["", " ", "\n"])
@pytest.mark.parametrize("find", [find_run, find_kept])
def test_an_empty_name_never_means_the_only_run(find: Callable[[str], Path], name: str) -> None:
    keep()
    with pytest.raises(UnknownRunError, match="the name of the run is empty"):
        find(name)


def test_without_runs_there_is_no_last_one() -> None:
    assert list(kept_runs()) == []
    with pytest.raises(UnknownRunError, match="no such run"):
        find_run("last")


def test_runs_of_one_name_in_two_places_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    for place in ("a", "b"):
        remember(keep(at=tmp_path / place / "sums"), AT)
    with pytest.raises(UnknownRunError, match=f"2 runs are meant .*{tmp_path}/a/sums"):
        find_run("sums")


def test_a_run_is_listed_from_its_totals() -> None:
    facts = {**FACTS, **totals(), "title": "my sums", "tags": '["slow", "keep"]'}
    folder = keep(facts=facts)  # its rows would say otherwise: there are none
    entry = only()
    assert (entry.id, entry.folder, entry.title, entry.tags) == (
        folder.name,
        folder,
        "my sums",
        ("slow", "keep"),
    )
    assert (entry.state, entry.alive, entry.pid, entry.exact) == (KeptState.FAILED, False, None, True)
    assert (entry.jobs, entry.done, entry.failed, entry.pending) == (4, 3, 1, 0)
    assert (entry.right, entry.scored, entry.accuracy) == (2, 3, 2 / 3)
    assert (entry.cost, entry.model, entry.endpoint, entry.attempts) == (0.5, "gpt-x", "here", 5)
    assert (entry.started, entry.ended, entry.elapsed_s) == (1767323045.0, AT, 12.5)
    assert entry.bytes == (folder / NAME).stat().st_size


def test_without_totals_the_rows_are_counted() -> None:
    keep(results=[ended(0), ended(1, "failed"), ended(2, "invalid"), ended(3, "cancelled")])
    entry = only()
    assert (entry.done, entry.failed, entry.invalid, entry.cancelled) == (1, 1, 1, 1)
    assert (entry.right, entry.scored, entry.exact, entry.cost) == (1, 1, True, None)


@pytest.mark.parametrize(
    ("state", "results", "expected"),
    [
        (RunState.STOPPED, 2, KeptState.STOPPED),
        (RunState.RUNNING, 2, KeptState.DIED),
        (RunState.PAUSED, 2, KeptState.DIED),
        (RunState.RUNNING, 4, KeptState.DONE),  # killed after the last answer
        (None, 2, KeptState.STOPPED),
        (None, 4, KeptState.DONE),
    ],
)
def test_the_state_of_a_run_that_no_process_works_on(
    state: RunState | None, results: int, expected: KeptState
) -> None:
    fact = {} if state is None else totals(state, done=2, failed=0)
    keep(facts={**FACTS, **fact}, results=[ended(job) for job in range(results)])
    entry = only()
    assert (entry.state, entry.done) == (expected, results)


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        (RunState.RUNNING, {}, KeptState.RUNNING),
        (RunState.STARTING, {}, KeptState.RUNNING),
        (RunState.PAUSED, {}, KeptState.PAUSED),
        (RunState.DRAINING, {}, KeptState.STOPPING),
        (RunState.PAUSED, {"held": "trial"}, KeptState.HELD),
        (RunState.STOPPED, {}, KeptState.RUNNING),  # of an earlier start
        (RunState.DONE, {"jobs": 3}, KeptState.DONE),  # its dashboard is open
    ],
)
def test_the_state_of_a_living_run(state: RunState, facts: dict[str, object], expected: KeptState) -> None:
    rows = [ended(job) for job in range(3)]
    folder = keep(facts={**FACTS, **totals(state, failed=0), **facts}, results=rows)
    lock = RunLock(folder)
    entry = only()
    assert (entry.state, entry.alive, entry.pid, entry.ended) == (expected, True, os.getpid(), None)
    lock.release()
    assert not only().alive


def test_a_living_run_is_counted_as_its_totals_are_seconds_old() -> None:
    folder = keep(facts={**FACTS, **totals(RunState.RUNNING, done=0, failed=0)}, results=[ended(0), ended(1)])
    lock = RunLock(folder)
    assert (only().done, only().exact) == (2, True)
    assert only().attempts == 2
    lock.release()


def test_a_run_whose_end_could_not_be_written_has_ended_all_the_same() -> None:
    folder = keep(facts={**FACTS, **totals(RunState.RUNNING, done=0, failed=0)}, results=[ended(0)])
    assert only().state is KeptState.DIED
    RunLock(folder).abandon()
    assert only().state is KeptState.DIED
    RunLock(folder).release()
    assert only().state is KeptState.DIED
    RunLock(folder).end()
    assert only().state is KeptState.STOPPED
    with_doctor = RunLock(folder)
    assert (only().state, only().pid) == (KeptState.RUNNING, os.getpid())
    with_doctor.release()
    assert only().state is KeptState.STOPPED
    (folder / "lock").unlink()
    (folder / "lock").mkdir()
    assert only().state is KeptState.DIED


def test_a_held_run_without_a_process_is_held() -> None:
    keep(facts={**FACTS, **totals(RunState.STOPPED, done=1, failed=0), "held": "budget"})
    assert only().state is KeptState.HELD


LOOKS = """
import pathlib, sys
from llmdash.engine.journal.lock import holder_of
while True:
    holder_of(pathlib.Path(sys.argv[1]))
"""


def test_looking_at_a_run_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    RunLock(tmp_path).release()
    with subprocess.Popen([sys.executable, "-c", LOOKS, str(tmp_path)]) as looking:
        for _ in range(300):
            RunLock(tmp_path).release()
        assert looking.poll() is None
        looking.send_signal(signal.SIGKILL)


def test_whoever_is_stopped_while_it_looks_keeps_no_run_from_starting(tmp_path: Path) -> None:
    RunLock(tmp_path).release()
    with (tmp_path / "lock").open("rb") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        threading.Timer(0.5, fcntl.flock, (looked_at, fcntl.LOCK_UN)).start()
        RunLock(tmp_path).release()


def test_a_living_run_goes_on_writing_while_it_is_listed() -> None:
    folder = keep()
    journal = JournalFile.open(folder)
    lock = RunLock(folder)
    for job in range(3):
        journal.write(Group(results=[ended(job)]))
        assert only().done == job + 1
    journal.close()
    lock.release()
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "lock"]


def test_listing_leaves_no_files_behind() -> None:
    folder = keep()
    list(kept_runs())
    assert [path.name for path in folder.iterdir()] == [NAME]


@pytest.mark.parametrize("content", [b"", b"\xff" * 8192, b"SQLite format 3\0" + bytes(9000)])
def test_a_damaged_journal_is_listed_as_damaged_and_breaks_nothing(content: bytes) -> None:
    keep("20260101-000000-whole")
    folder = keep("20260102-000000-broken")
    (folder / NAME).write_bytes(content)
    broken, whole = kept_runs()
    assert (broken.state, whole.state) == (KeptState.DAMAGED, KeptState.STOPPED)
    assert broken.problem
    assert broken.bytes == len(content)


@pytest.mark.parametrize("column", ["jobs", "name", "title", "tags", "models", "totals", "begun_at", "held"])
@pytest.mark.parametrize("value", [b"\xff\x00", "]", "[1,", "[" * 100_000, 1e300, -5, None, '{"a": 1}'])
def test_facts_that_are_damaged_are_left_out(column: str, value: object) -> None:
    folder = keep(facts={**FACTS, **totals()})
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (column, value))
    assert only().state is not KeptState.DAMAGED


def test_a_journal_without_tables_is_damaged() -> None:
    folder = keep()
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("DROP TABLE run")
    assert only().problem == "no such table: run"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_journal_of_an_earlier_version_is_listed(version: int) -> None:
    journal_of(version, locations.private_dir(locations.runs_dir() / "20260101-000000-old"))
    entry = only()
    assert (entry.state, entry.jobs, entry.done, entry.model) == (KeptState.DONE, 12, 12, "gpt-4o-mini")


def test_what_is_no_run_is_not_listed() -> None:
    home = locations.private_dir(locations.runs_dir())
    (home / "notes.txt").write_text("mine")
    (home / "gone").symlink_to("nowhere")
    (home / "itself").symlink_to("itself")
    (home / "other").mkdir()
    (home / "other" / "photo.jpg").write_bytes(b"x")
    (home / "just-made").mkdir()
    assert list(kept_runs()) == []
    assert list(run_folders()) == []


def test_a_folder_without_a_journal_is_half_made_once_it_is_old() -> None:
    folder = locations.private_dir(locations.runs_dir() / "20260101-000000-half")
    (folder / "lock").touch()
    os.utime(folder, (1e9, 1e9))
    entry = only()
    assert (entry.state, entry.problem) == (KeptState.DAMAGED, "it has no journal")
    lock = RunLock(folder)
    os.utime(folder, (1e9, 1e9))
    assert list(kept_runs()) == []
    lock.release()


def test_the_newest_run_is_first_wherever_it_is(tmp_path: Path) -> None:
    keep("20260101-000000-a")
    remember(keep(at=tmp_path / "b"), 1767300000.0)  # 2026-01-01, in the evening
    keep("20260103-000000-c")
    keep("no-time-in-its-name")  # was made just now
    names = [entry.id for entry in kept_runs()]
    assert names == ["no-time-in-its-name", "20260103-000000-c", "b", "20260101-000000-a"]
    assert [folder.name for folder in run_folders()] == names


def test_folders_that_are_gone_stay_known_and_are_not_listed(tmp_path: Path) -> None:
    folder = keep(at=tmp_path / "disk" / "run")
    remember(folder, AT)
    shutil.move(tmp_path / "disk", tmp_path / "away")
    assert list(kept_runs()) == []
    shutil.move(tmp_path / "away", tmp_path / "disk")
    assert only().folder == folder


def test_the_list_of_folders_is_private_short_and_bears_damage(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9 \n"
    remember(folder, 1.0)
    remember(folder, 1.0)
    path = locations.known_runs_file()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes().splitlines()) == 1
    with path.open("ab") as file:
        file.write(b'\xff\n[]\n{"dir": 5}\n{"dir": "/x", "at": "y"}\n{"dir": "/torn')
    remember(tmp_path / "second", 2.0)
    assert known_elsewhere() == {folder: 1.0, tmp_path / "second": 2.0}


def test_the_list_of_folders_is_shortened(tmp_path: Path) -> None:
    path = locations.known_runs_file()
    locations.private_dir(path.parent)
    path.write_bytes(b"".join(b'{"dir":"/old/%d","at":1.0}\n' % number for number in range(100_000)))
    remember(tmp_path / "new", 2.0)
    assert path.stat().st_size <= 1 << 20
    assert known_elsewhere()[tmp_path / "new"] == 2.0


def test_a_list_that_cannot_be_written_hinders_no_run(tmp_path: Path) -> None:
    locations.private_dir(locations.data_dir().parent)
    locations.data_dir().write_text("in the way")
    remember(tmp_path, 1.0)
    assert known_elsewhere() == {}


def test_runs_in_the_data_folder_are_not_noted() -> None:
    remember(keep(), AT)
    assert not locations.known_runs_file().exists()


def test_a_data_folder_that_cannot_be_read_is_named() -> None:
    locations.private_dir(locations.data_dir())
    locations.runs_dir().write_text("in the way")
    with pytest.raises(StorageError, match="cannot be read"):
        list(kept_runs())


def test_counting_ends_with_its_time() -> None:
    folder = keep("20260104-000000-large", {**FACTS, "jobs": 60_000}, [*map(ended, range(50_000))])
    keep("20260101-000000-small")
    large, small = kept_runs(count_s=0.5, clock=itertools.count().__next__)
    assert (large.exact, large.done) == (False, 0)
    assert small.id == "20260101-000000-small"
    assert (entry_of(folder).exact, entry_of(folder).done) == (True, 50_000)
