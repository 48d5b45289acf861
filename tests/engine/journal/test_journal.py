"""The journal and its writer: what is on disk, and when."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from llmdash.engine.journal.belongings import belongs
from llmdash.engine.journal.file import VERSION, Group, JournalError, JournalFile, StorageError
from llmdash.engine.journal.glance import glance
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.records import AttemptRecord, HealthRecord, ResultRow
from tests.waiting import PATIENCE_S

JOURNALS = Path(__file__).parent / "journals"


def sent(job: int, attempt: int = 1, key: str = "k") -> AttemptRecord:
    return AttemptRecord(job, attempt, key, "sent", 1.5)


def done(job: int, text: str = "fine") -> ResultRow:
    return ResultRow(job, f"p{job}", "done", text=text, attempts=1)


def nothing() -> None:
    pass


@asynccontextmanager
async def writing(folder: Path) -> AsyncIterator[tuple[JournalWriter, list[JournalError]]]:
    failures: list[JournalError] = []
    writer = JournalWriter(JournalFile.create(folder, {"name": "x"}), failures.append)
    try:
        yield writer, failures
    finally:
        await writer.close()


async def test_an_attempt_is_on_disk_before_the_wait_ends(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        for attempt in range(1, 4):
            await writer.sent(sent(7, attempt))
            assert len(JournalReader(tmp_path).attempts(7)) == attempt


def copy_of(folder: Path) -> Path:
    """A folder with the journal as it is on disk now."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("journal.sqlite*"):
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


async def test_the_worker_of_an_attempt_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    """It is announced with the attempt: what is read while the writer is still open is what a kill leaves."""
    async with writing(tmp_path) as (writer, _):
        for job, worker in enumerate(("w1", "w2", "w2", None)):
            await writer.sent(sent(job)._replace(worker=worker))
        killed = copy_of(tmp_path)
    JournalFile.open(killed).close()
    reader = JournalReader(killed)
    assert [reader.attempts(job)[0].worker for job in range(4)] == ["w1", "w2", "w2", None]
    assert {reader.attempts(job)[0].state for job in range(4)} == {"unknown"}
    assert reader.sums.lost_by() == {"w1": 1, "w2": 2}
    assert reader.sums.count_unknown() == 4


async def test_a_result_is_on_disk_before_anyone_is_told(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        told: asyncio.Future[ResultRow | None] = asyncio.get_running_loop().create_future()
        await writer.sent(sent(1))
        ended = sent(1)._replace(state="ok")
        writer.ended(ended, done(1), lambda: told.set_result(JournalReader(tmp_path).result(1)))
        assert (await told) == done(1)
        assert JournalReader(tmp_path).attempts(1)[0].state == "ok"


async def test_rows_gather_into_few_commits_and_all_arrive(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        told: list[int] = []
        for job in range(1_000):
            writer.ended(sent(job)._replace(state="ok"), done(job), partial(told.append, job))
        await asyncio.gather(*(writer.sent(sent(job)) for job in range(1_000, 1_100)))
        assert told == list(range(1_000)), "in the order of writing"
    reader = JournalReader(tmp_path)
    assert [row.job for row in reader.ended()] == list(range(1_000))
    assert reader.sums.key_totals()["k"].sent == 1_100


async def test_what_is_left_is_written_when_the_writer_closes(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        writer.settled(done(3), nothing)
    assert JournalReader(tmp_path).result(3) == done(3)


async def test_a_job_reopened_and_ended_again_has_one_row(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        writer.settled(done(3, "old"), nothing)
        writer.reopened(3)
        writer.settled(done(3, "new"), nothing)
        writer.reopened(4)
    assert [row.text for row in JournalReader(tmp_path).results()] == ["new"]


async def test_a_row_that_cannot_be_written_is_told_once_and_hangs_nothing(tmp_path: Path) -> None:
    for row in (done(1, "\ud800"), done(1)._replace(input_tokens=2**70)):
        folder = tmp_path / str(row.input_tokens is None)
        folder.mkdir()
        async with writing(folder) as (writer, failures):
            writer.settled(row, nothing)
            await asyncio.sleep(0.01)
            writer.settled(done(2), nothing)
        assert len(failures) == 1
        assert list(JournalReader(folder).ended()) == []


async def test_an_attempt_given_up_while_it_is_written_may_be_completed(tmp_path: Path) -> None:
    async with writing(tmp_path) as (writer, _):
        waiting = asyncio.create_task(writer.sent(sent(1)))
        await asyncio.sleep(0)
        waiting.cancel()
        writer.ended(sent(1)._replace(state="unsent"), None, nothing)
    reader = JournalReader(tmp_path)
    assert [attempt.state for attempt in reader.attempts(1)] == ["unsent"]
    assert (list(reader.sums.attempt_counts()), reader.sums.key_totals()) == ([], {})


@pytest.mark.parametrize("text", ["", "a\0b\0", "\x1b[31m", "\U0001f600\u2028\u202e", "x" * 1_000_000])
def test_text_comes_back_exactly(tmp_path: Path, text: str) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.write(Group(results=[done(0, text)]))
    journal.close()
    assert [row.text for row in JournalReader(tmp_path).results()] == [text]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.write(Group(results=[done(0)]))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    journal.close()
    assert modes == {0o600}


def test_attempts_nobody_saw_the_end_of_become_unknown(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.write(Group([sent(0), sent(1)._replace(state="ok"), sent(2), sent(2, 2)], [done(1)]))
    journal.close()
    assert JournalReader(tmp_path).sums.count_unknown() == 3
    JournalFile.open(tmp_path).close()
    reader = JournalReader(tmp_path)
    assert [attempt.state for attempt in reader.attempts(2)] == ["unknown", "unknown"]
    assert reader.attempts(1)[0].state == "ok"
    assert list(reader.sums.attempt_counts()) == [(0, 1), (1, 1), (2, 2)]
    assert reader.sums.key_totals()["k"].cut == 3
    assert reader.sums.count_unknown() == 3


def test_a_group_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.write(Group(results=[done(1)]))
    with pytest.raises(sqlite3.IntegrityError):
        journal.write(Group([sent(2)], [done(2), done(1)]))
    journal.write(Group(results=[done(3)]))
    journal.close()
    assert [row.job for row in JournalReader(tmp_path).ended()] == [1, 3]


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    JournalFile.create(tmp_path, {}).close()
    with pytest.raises(JournalError, match="holds a run"):
        JournalFile.create(tmp_path, {})


def test_no_journal_is_told_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal here; leave out --resume"):
        JournalFile.open(tmp_path)
    with pytest.raises(JournalError, match="no journal here"):
        JournalReader(tmp_path)


def test_reading_a_run_that_was_just_deleted_makes_no_journal(tmp_path: Path) -> None:
    JournalFile.create(tmp_path, {"name": "x"}).close()
    reader = JournalReader(tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(JournalError, match="cannot be read"):
        reader.facts()
    for held in (False, True):
        with pytest.raises(sqlite3.Error), glance(tmp_path, held=held) as db:
            db.execute("SELECT value FROM run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all" * 500, b"SQLite format 3\0" + bytes(9_000)]
)
def test_a_damaged_journal_is_refused_and_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        JournalFile.open(tmp_path)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        JournalReader(tmp_path).facts()


def test_a_journal_with_a_torn_page_is_refused(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.write(Group(results=[done(job, "x" * 500) for job in range(200)]))
    journal.close()
    path = tmp_path / "journal.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:12_000] + b"\xff" * 8_000 + whole[20_000:])
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        JournalFile.open(tmp_path)


def test_a_journal_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    journal = JournalFile.create(tmp_path, {})
    journal.set_facts({"version": 99})
    journal.close()
    with pytest.raises(JournalError, match=r"newer llmdash \(version 99 of the journal"):
        JournalFile.open(tmp_path)


def test_where_the_write_ahead_log_is_refused_the_journal_works_without(tmp_path: Path) -> None:
    with_locks_of_its_own = (
        "unix-dotfile"  # a layer of SQLite without shared memory, as on network file systems
    )
    journal = JournalFile.create(tmp_path, {}, vfs=with_locks_of_its_own)
    assert not journal.is_wal
    journal.write(Group([sent(1)._replace(state="ok")], [done(1)]))
    journal.close()
    assert [row.job for row in JournalReader(tmp_path).ended()] == [1]


def journal_of(version: int, folder: Path) -> Path:
    """The journal of a run of 12 jobs, as that version wrote it."""
    path = folder / "journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((JOURNALS / f"version_{version}.sql").read_text())
    return path


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_journal_of_an_earlier_version_is_read_as_it_is(version: int, tmp_path: Path) -> None:
    path = journal_of(version, tmp_path)
    before = path.read_bytes()
    reader = JournalReader(tmp_path)
    assert [row.id for row in reader.ended()] == [f"arith-{number:05}" for number in range(1, 13)]
    assert {record.model for record in reader.results()} == {"gpt-4o-mini"}
    assert reader.attempts(0)[-1].state == "ok"
    last = reader.result(11)
    assert last is not None
    named = "simulator" if version == 3 else None  # earlier ones did not name the endpoint of an answer
    assert (last.state, last.endpoint, last.flags, last.worker) == ("done", named, None, None)
    assert reader.sums.lost_by() == {}
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_journal_of_an_earlier_version_is_copied_and_taken_over(version: int, tmp_path: Path) -> None:
    path = journal_of(version, tmp_path)
    before = list(JournalReader(tmp_path).ended())
    journal = JournalFile.open(tmp_path)
    journal.write(Group(health=[HealthRecord("k", "throttled", 1.0, 2.0, "too often", 1)]))
    journal.write(Group(results=[done(12)._replace(model="m", flags="empty", worker="w1")]))
    journal.close()
    reader = JournalReader(tmp_path)
    *same, new = reader.ended()
    assert same == before
    assert (new.model, new.flags, new.worker) == ("m", "empty", "w1")
    assert HealthRecord("k", "throttled", 1.0, 2.0, "too often", 1) in reader.health()
    assert reader.facts()["version"] == VERSION
    copy = path.with_name(f"journal.sqlite.version-{version}")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT value FROM run WHERE name = 'version'").fetchone() == (version,)
    JournalFile.open(tmp_path).close()  # a second time there is nothing to do


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may become larger than that: it stands in for the end of the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_journal_that_cannot_be_copied_for_lack_of_room_stays_as_it_is(tmp_path: Path) -> None:
    path = journal_of(2, tmp_path)
    before = path.read_bytes()
    with little_room(len(before) // 2), pytest.raises(StorageError, match=r"cannot be written .*; make room"):
        JournalFile.open(tmp_path)
    assert path.read_bytes()[100:] == before[100:]  # its header says that there is a log
    assert {each.name for each in tmp_path.iterdir()} <= {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    JournalFile.open(tmp_path).close()
    assert JournalReader(tmp_path).facts()["version"] == VERSION


def test_what_is_left_of_a_copy_that_was_cut_off_is_of_the_run_and_replaced(tmp_path: Path) -> None:
    journal_of(1, tmp_path)
    for name in ("journal.new", "journal.new-journal"):
        (tmp_path / name).write_bytes(b"half of it")
        assert belongs(name)
    JournalFile.open(tmp_path).close()
    assert {each.name for each in tmp_path.iterdir()} == {"journal.sqlite", "journal.sqlite.version-1"}
    with closing(sqlite3.connect(tmp_path / "journal.sqlite.version-1")) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


class Disk:
    """A journal on a disk that can be full."""

    def __init__(self, folder: Path) -> None:
        self.file = JournalFile.create(folder, {})
        self.trouble: int | None = None
        self.refused = 0

    def write(self, group: Group) -> None:
        if self.trouble is not None:
            self.refused += 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = self.trouble
            raise error
        self.file.write(group)

    def close(self) -> None:
        self.file.close()


async def test_rows_wait_for_room_on_a_full_disk_and_arrive_in_order(tmp_path: Path) -> None:
    disk, told, failures = Disk(tmp_path), list[str | None](), list[JournalError]()
    writer = JournalWriter(disk, failures.append, told.append)
    await writer.sent(sent(1))
    disk.trouble = sqlite3.SQLITE_FULL
    waiting = asyncio.create_task(writer.sent(sent(2)))
    while disk.refused < 2 or not told:  # noqa: ASYNC110 - another thread counts and tells
        await asyncio.sleep(0.01)
    assert not waiting.done()
    assert told == ["database or disk is full"]
    disk.trouble = None
    await waiting
    await writer.close()
    assert told == ["database or disk is full", None]
    assert failures == []
    assert [len(JournalReader(tmp_path).attempts(job)) for job in (1, 2)] == [1, 1]


class SlowDisk(Disk):
    """A journal whose first write takes until it is released."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.released = threading.Event()
        self.writes: list[tuple[int, int]] = []

    def write(self, group: Group) -> None:
        assert self.released.wait(PATIENCE_S)
        self.writes.append((len(group.results), len(group.reopened)))
        super().write(group)


async def test_what_gathers_while_the_disk_is_slow_is_written_together_and_in_order(tmp_path: Path) -> None:
    disk, failures, told = SlowDisk(tmp_path), list[JournalError](), list[int]()
    writer = JournalWriter(disk, failures.append)
    for job in range(30):
        writer.settled(done(job, "first"), partial(told.append, job))
        await asyncio.sleep(0.004)  # longer than rows gather
    writer.reopened(3)
    writer.settled(done(3, "second"), partial(told.append, 100))
    for job in range(30, 60):
        writer.settled(done(job), partial(told.append, job))
        await asyncio.sleep(0.004)
    disk.released.set()
    await writer.close()
    await asyncio.sleep(0)
    assert failures == []
    assert sum(results for results, _ in disk.writes) == 61
    assert len(disk.writes) < 10
    assert told == [*range(30), 100, *range(30, 60)]
    result = JournalReader(tmp_path).result(3)
    assert result is not None
    assert result.text == "second"


async def test_a_disk_that_stays_full_when_the_run_is_left_is_given_up_on(tmp_path: Path) -> None:
    disk, failures = Disk(tmp_path), list[JournalError]()
    writer = JournalWriter(disk, failures.append)
    disk.trouble = sqlite3.SQLITE_FULL
    writer.settled(done(1), nothing)
    await writer.close()
    assert isinstance(writer.failure, StorageError)
    assert "disk is full" in str(writer.failure)


async def test_what_no_waiting_fixes_is_reported_at_once(tmp_path: Path) -> None:
    disk, failures = Disk(tmp_path), list[JournalError]()
    writer = JournalWriter(disk, failures.append)
    disk.trouble = sqlite3.SQLITE_READONLY
    writer.settled(done(1), nothing)
    while not failures:  # noqa: ASYNC110 - another thread tells
        await asyncio.sleep(0.01)
    assert disk.refused == 1
    await writer.close()


async def test_results_are_handed_on_once_they_are_on_disk(tmp_path: Path) -> None:
    handed: list[tuple[int, bool]] = []

    def saved(rows: Sequence[ResultRow]) -> None:
        reader = JournalReader(tmp_path)
        handed.extend((row.job, reader.result(row.job) == row) for row in rows)

    writer = JournalWriter(JournalFile.create(tmp_path, {}), lambda _: None, saved=saved)
    for job in range(600):
        writer.settled(done(job), nothing)
    await writer.close()
    assert handed == [(job, True) for job in range(600)]


async def test_the_names_of_carried_fields_are_in_the_order_of_the_input(tmp_path: Path) -> None:
    inputs = [None, '{"b": 1, "a": {"x": 2}}', '{"c": [1], "a": null}', "{no json", "[5]"]
    async with writing(tmp_path) as (writer, _):
        for job in reversed(range(5)):
            writer.settled(done(job)._replace(input=inputs[job]), nothing)
        await writer.close()
    reader = JournalReader(tmp_path)
    assert reader.carried_names(3) == ("b", "a", "c")
    assert reader.carried_names(2) is None


def test_a_journal_of_an_earlier_version_has_no_carried_fields(tmp_path: Path) -> None:
    journal_of(1, tmp_path)
    assert JournalReader(tmp_path).carried_names(10) == ()
