"""The lease file: shared by processes, killed at any moment, damaged, deleted, locked, full of nonsense."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from llmdash.engine.dispatch.leases import Claim, Held, LeaseError, Limit, Share, Sharer, Wish
from llmdash.shared_limits.lease_file import LeaseFile
from llmdash.shared_limits.table import KEPT_S
from tests.waiting import first, wait_for

LIMIT = Limit("org-a", 60.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits" / "leases.db"


def claim(run: str, share: Share | None = None, sent: int = 0, limit: Limit = LIMIT) -> Claim:
    held = Held(share.rate, share.slots, share.tokens, sent) if share is not None else Held(sent=sent)
    return Claim(limit, Sharer(run, run, "here", 7), Wish(), held)


def shared(leases: LeaseFile, run: str, share: Share | None = None, sent: int = 0) -> Share:
    return asyncio.run(leases.share(claim(run, share, sent)))


def shared_at_last(path: Path, run: str) -> None:
    """Ask until there is an answer: whoever has the file may get no processor for longer than one waits."""

    def is_shared() -> bool:
        try:
            shared(LeaseFile(path), run)
        except LeaseError as error:
            assert "locked" in str(error)
            return False
        return True

    wait_for(is_shared, "a share")


def test_two_runs_come_to_equal_shares(path: Path, clock: Clock) -> None:
    one, other = LeaseFile(path, clock), LeaseFile(path, clock)
    first = shared(one, "a")
    assert first.rate == 60.0
    assert shared(other, "b").rate == 0.0
    first = shared(one, "a", first)
    shared(one, "a", first)
    assert (first.rate, shared(other, "b").rate) == (30.0, 30.0)
    assert {(row.sharer.label, row.held.rate) for row in one.rows()} == {("a", 30.0), ("b", 30.0)}
    asyncio.run(one.release(claim("a")))
    assert shared(other, "b").rate == 60.0


def test_limits_of_different_names_know_nothing_of_each_other(path: Path, clock: Clock) -> None:
    leases = LeaseFile(path, clock)
    shared(leases, "a")
    assert asyncio.run(leases.share(claim("b", limit=Limit("org-b", 5.0)))).rate == 5.0


def test_nobody_else_may_read_the_file(path: Path, clock: Clock) -> None:
    shared(LeaseFile(path, clock), "a")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_without_a_file_there_are_no_rows_and_none_is_made(path: Path, clock: Clock) -> None:
    assert LeaseFile(path, clock).rows() == ()
    assert not path.parent.exists()


@pytest.mark.parametrize("text", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_damaged_file_is_put_aside_and_nobody_gets_more_until_all_were_heard_of(
    path: Path, clock: Clock, text: bytes
) -> None:
    leases = LeaseFile(path, clock)
    first = shared(leases, "a")
    shared(leases, "b")
    half = shared(leases, "a", first)
    path.write_bytes(text)
    assert shared(leases, "a", half).rate == 30.0  # all of it would be too much: `b` may have the other half
    assert path.with_suffix(".damaged").read_bytes() == text
    clock.now += KEPT_S + 0.1
    assert shared(leases, "a").rate == 60.0


def test_a_file_that_was_deleted_is_made_anew_and_nobody_gets_more_at_once(path: Path, clock: Clock) -> None:
    leases = LeaseFile(path, clock)
    share = shared(leases, "a")
    path.unlink()
    assert shared(leases, "new").rate == 0.0
    assert shared(leases, "a", share).rate == 30.0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lease SET held_rate = NULL",
        "UPDATE lease SET held_slots = -1",
        "UPDATE lease SET until = 'soon'",
        "UPDATE lease SET run = x'00ff'",
        "UPDATE lease SET pid = 'me'",
        "ALTER TABLE lease ADD COLUMN more TEXT",
        "DROP TABLE lease",
        "DROP TABLE quiet",
        "PRAGMA user_version = 9",
        "PRAGMA user_version = 0",
    ],
)
def test_a_file_that_somebody_changed_is_put_aside(path: Path, clock: Clock, change: str) -> None:
    leases = LeaseFile(path, clock)
    shared(leases, "a")
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    connection.close()
    shared(leases, "b")
    clock.now += KEPT_S + 0.1
    assert shared(leases, "b").rate == 60.0


def test_a_file_that_another_holds_for_long_is_an_error_that_passes(path: Path, clock: Clock) -> None:
    leases = LeaseFile(path, clock)
    shared(leases, "a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LeaseError, match=r"cannot be written .*locked"):
        shared(leases, "a")
    other.close()
    assert shared(leases, "a").rate == 60.0
    assert not path.with_suffix(".damaged").exists()


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "limits").write_text("a file")
    with pytest.raises(LeaseError, match="the lease file cannot be written"):
        shared(LeaseFile(tmp_path / "limits" / "leases.db", clock), "a")
    path = tmp_path / "other" / "leases.db"
    path.mkdir(parents=True)
    with pytest.raises(LeaseError, match="Is a directory"):
        shared(LeaseFile(path, clock), "a")
    with pytest.raises(LeaseError, match="the lease file cannot be read"):
        LeaseFile(path, clock).rows()


def test_a_run_that_was_suspended_while_it_asked_holds_nothing(path: Path, clock: Clock) -> None:
    class Asleep(Clock):
        def __call__(self) -> float:
            self.now += KEPT_S + 1.0
            return self.now

    shared(LeaseFile(path, clock), "a")
    asleep = Asleep()
    share = Share(60.0, 63.0, 0.0, 1.0, LIMIT)
    shared(LeaseFile(path, asleep), "late", share, sent=3)
    [row] = [row for row in LeaseFile(path, lambda: asleep.now).rows() if row.sharer.run == "late"]
    assert row.held.slots == 63.0  # nobody else was there; granted anew, not held over


_CLAIMS = """
import asyncio, sys
from pathlib import Path
from tests.shared_limits.test_lease_file import claim
from llmdash.shared_limits.lease_file import LeaseFile
leases, share = LeaseFile(Path(sys.argv[1])), None
async def ask():
    share = None
    print("asks", flush=True)
    while True:
        share = await leases.share(claim(sys.argv[2], share))
asyncio.run(ask())
"""


def test_processes_that_are_killed_while_they_write_leave_a_sound_file(path: Path) -> None:
    for kill in range(6):
        command = [sys.executable, "-c", _CLAIMS, str(path), f"run-{kill}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(20):
                shared_at_last(path, "me")
            os.kill(process.pid, signal.SIGKILL)
        shared(LeaseFile(path), "me")
    assert not path.with_suffix(".damaged").exists()
    rows = first(lambda: (shared(LeaseFile(path), "me"), LeaseFile(path).rows())[1], bool, "a live lease")
    assert {row.limit.name for row in rows} == {"org-a"}
