"""The checkup of a run, and its repair: what is found, what is put right, what is never lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from llmdash.doctor.check import check
from llmdash.doctor.findings import Checkup, Level
from llmdash.doctor.repair import repair
from llmdash.engine.journal.file import NAME, JournalFile
from llmdash.engine.journal.lock import LockedError, RunLock
from llmdash.engine.journal.reader import JournalReader
from tests.doctor.damage import known_of, make_run, repaired, results_in, rows, sql

HOLD = """
import sys, pathlib
from llmdash.engine.journal.lock import RunLock
lock = RunLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def bad(checkup: Checkup) -> list[str]:
    return [
        f"{each.level} {each.what}: {each.text}" for each in checkup.findings if each.level is not Level.OK
    ]


def test_a_sound_run_has_no_findings_and_nothing_is_changed_by_looking(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    checkup = check(folder, known_of)
    assert bad(checkup) == []
    assert checkup.sums is not None
    assert (checkup.sums.done, checkup.sums.failed, checkup.sums.cancelled) == (22, 4, 1)
    assert repair(folder, known_of) == ([], checkup)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


class Harm(NamedTuple):
    """A change behind the program's back, what the checkup says of it, and where job 5 or 3 stands after a
    repair.
    """

    statement: str
    told: str
    job: int
    after: str


HARM = [
    Harm("UPDATE results SET job = 5000 WHERE job = 5", "belongs? to no job", 5, "pending"),
    Harm("UPDATE attempts SET job = -1 WHERE job = 5", "belongs? to no job", 5, "done"),
    Harm("UPDATE attempts SET attempt = 70000 WHERE job = 5", "invalid numbers", 5, "done"),
    Harm("UPDATE attempts SET attempt = 0 WHERE job = 3", "invalid numbers", 3, "failed"),
    Harm("UPDATE results SET text = NULL WHERE job = 5", "lost (their|its) text", 5, "pending"),
    Harm(
        "UPDATE results SET text = CAST(x'c328' AS TEXT) WHERE job = 5", "lost (their|its) text", 5, "pending"
    ),
    Harm("UPDATE results SET text = x'00' WHERE job = 5", "lost (their|its) text", 5, "pending"),
    Harm("UPDATE results SET state = 'dnoe' WHERE job = 5", "state that does not exist", 5, "done"),
    Harm("UPDATE results SET state = '' WHERE job = 3", "state that does not exist", 3, "pending"),
    Harm("UPDATE results SET state = 'failed' WHERE job = 5", "answer contradicts", 5, "done"),
    Harm("UPDATE results SET error = NULL WHERE job = 3", "lost (their|its) reason", 3, "failed"),
    Harm("UPDATE results SET verdict = 9 WHERE job = 5", "invalid values", 5, "done"),
    Harm("UPDATE results SET input_tokens = -4 WHERE job = 5", "invalid values", 5, "done"),
    Harm("UPDATE attempts SET latency_s = 'x' WHERE job = 5", "invalid values", 5, "done"),
    Harm("UPDATE results SET id = CAST(x'ff' AS TEXT) WHERE job = 5", "invalid values", 5, "done"),
    Harm("DELETE FROM attempts WHERE job = 5", "belongs? to another attempt", 5, "done"),
    Harm("UPDATE attempts SET state = 'sent' WHERE job = 5", "belongs? to another attempt", 5, "done"),
    Harm("UPDATE results SET attempts = 900 WHERE job = 5", "belongs? to another attempt", 5, "done"),
    Harm("UPDATE results SET attempts = 9000000 WHERE job = 3", "names? an invalid attempt", 3, "failed"),
    Harm("UPDATE attempts SET state = 'ok' WHERE job = 3", "marked as answered", 3, "failed"),
    Harm("DELETE FROM results WHERE job = 5", "answer(s have| has) no result", 5, "pending"),
    Harm("DELETE FROM attempts WHERE job = 4 AND attempt = 1", "lacks? the record", 5, "done"),
    Harm("DELETE FROM attempts WHERE job = 3", "lacks? the record", 3, "failed"),
    Harm("UPDATE attempts SET failure = NULL WHERE job = 3", "lacks? the kind", 3, "failed"),
    Harm("UPDATE attempts SET state = 'x' WHERE job = 3", "state that does not exist", 3, "failed"),
    Harm("DELETE FROM run WHERE name = 'version'", "was lost|is lost", 5, "done"),
    Harm("UPDATE run SET value = 3 WHERE name = 'jobs'", "by (the|its) input", 5, "done"),
    Harm("UPDATE run SET value = '{' WHERE name = 'models'", "facts? of the run", 5, "done"),
    Harm("UPDATE health SET state = 'x'", "invalid health", 5, "done"),
    Harm("UPDATE results SET worker = 'w2' WHERE job = 5", "names? another worker", 5, "done"),
    Harm("UPDATE attempts SET worker = 'w2' WHERE job = 3", "names? another worker", 3, "failed"),
    Harm(
        "UPDATE results SET worker = x'ff' WHERE job = 5",
        "names? of (workers are|a worker is) no text",
        5,
        "done",
    ),
    Harm(
        "UPDATE attempts SET worker = CAST(x'ff' AS TEXT)",
        "names? of (workers are|a worker is) no text",
        5,
        "done",
    ),
]


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.statement)
def test_what_is_wrong_between_rows_is_told_and_put_right_once(tmp_path: Path, harm: Harm) -> None:
    folder = make_run(tmp_path / "run")
    before = results_in(folder)
    sql(folder, harm.statement)
    assert re.search(harm.told, " ".join(bad(check(folder, known_of))))
    done, checkup = repaired(folder)
    assert bad(checkup) == []
    assert re.search(harm.told, " ".join(done))
    assert "is kept as" in done[0]
    states = dict(rows(folder, "SELECT job, state FROM results"))
    assert states.get(harm.job, "pending") == harm.after
    texts = {job: text for job, (_, text) in results_in(folder).items()}
    assert texts == {job: text for job, (_, text) in before.items() if states.get(job) == "done"}
    assert len(texts) >= len(before) - (harm.after == "pending")


def test_a_result_names_the_worker_of_its_attempt_and_none_is_forgotten(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(
        folder,
        "UPDATE results SET worker = 'w1'",
        "UPDATE attempts SET worker = 'w1'",
        "UPDATE attempts SET worker = 'w2' WHERE job = 5",
        "DELETE FROM attempts WHERE job = 6",
        "UPDATE results SET worker = NULL WHERE job = 9",
    )
    repaired(folder)
    wanted = [(5, "w2"), (6, "w1"), (9, "w1")]
    for table in ("results", "attempts"):
        query = f"SELECT job, worker FROM {table} WHERE job IN (5, 6, 9) ORDER BY job"  # noqa: S608
        assert [tuple(row) for row in rows(folder, query)] == wanted


def test_requests_that_a_kill_cut_off_become_unknown_and_their_number_is_told(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(
        folder,
        "INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (30, 1, 'a', 'sent', 1)",
        "INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (31, 1, 'a', 'sent', 1)",
    )
    found = check(folder, known_of)
    assert found.sound
    assert bad(found) == [
        "warning rows: 2 requests were in flight when the run last ended: possibly paid twice"
        " (the first: job 30)"
    ]
    _, checkup = repaired(folder)
    assert bad(checkup) == []
    assert checkup.sums is not None
    assert checkup.sums.unknown == JournalReader(folder).sums.count_unknown() == 2


def test_of_a_run_on_the_simulator_nothing_is_said_to_be_paid(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(
        folder,
        "INSERT OR REPLACE INTO run (name, value) VALUES ('simulator', '{}')",
        "INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (30, 1, 'a', 'sent', 1)",
        "DELETE FROM results WHERE job = 5",
    )
    found = check(folder, known_of)
    assert any("1 request was in flight when the run last ended (the first" in text for text in bad(found))
    assert not any("paid" in f"{each.text} {each.fix}" for each in found.findings)


def test_a_journal_is_copied_before_anything_in_it_is_changed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(folder, "DELETE FROM results WHERE job = 5")
    damaged = (folder / NAME).read_bytes()
    repaired(folder)
    (copy,) = folder.glob(f"{NAME}.before-repair-*")
    assert copy.read_bytes() == damaged
    assert copy.stat().st_mode & 0o777 == 0o600


def test_what_others_may_read_is_closed_to_them_without_touching_the_journal(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    folder.chmod(0o755)
    (folder / NAME).chmod(0o644)
    assert len(bad(check(folder, known_of))) == 2
    done, checkup = repaired(folder)
    assert bad(checkup) == []
    assert len(done) == 2
    assert not list(folder.glob("*.before-repair-*"))


def test_a_folder_with_other_files_in_it_keeps_its_mode(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "thesis.txt").write_text("mine")
    folder.chmod(0o755)
    _, checkup = repaired(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert "others can read it" in "".join(bad(checkup))
    assert checkup.sound


def test_only_files_of_our_own_that_a_crash_left_are_removed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    for name, age in ((".llmdash-abcd1234", 4000), (".llmdash-fresh123", 0), (".mine-abcd1234", 4000)):
        (folder / name).write_text("half")
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / ".llmdash-salvage-xyz").mkdir()
    _, checkup = repaired(folder)
    assert bad(checkup) == []
    left = {path.name for path in folder.iterdir()} - {NAME, "lock"}
    assert left == {".llmdash-fresh123", ".mine-abcd1234"}


def test_a_log_without_its_journal_is_put_aside_and_not_thrown_away(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / NAME).unlink()
    (folder / f"{NAME}-wal").write_bytes(b"pages")
    done, checkup = repaired(folder)
    assert [path.read_bytes() for path in folder.glob("*before-repair*-wal")] == [b"pages"]
    assert "without its journal" in done[-1]
    assert bad(checkup) == ["problem journal: there is none"]


@pytest.mark.parametrize("content", [b"", "tables"])
def test_a_run_that_was_killed_as_it_began_can_be_begun_anew(tmp_path: Path, content: object) -> None:
    folder = make_run(tmp_path / "run")
    if content == b"":
        (folder / NAME).write_bytes(b"")
    else:
        names = ("run", "attempts", "results", "health", "samples", "moments", "prompts", "batches")
        sql(folder, *(f"DROP TABLE {name}" for name in names))
    assert "nothing is recorded" in "".join(bad(check(folder, known_of)))
    repair(folder, known_of)
    JournalFile.create(folder, {}).close()


def test_a_run_that_is_worked_on_is_looked_at_and_left_alone(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(folder, "INSERT INTO attempts (job, attempt, key, state, sent_at) VALUES (30, 1, 'a', 'sent', 1)")
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        checkup = check(folder, known_of)
        assert checkup.holder == str(holder.pid)
        assert bad(checkup) == []
        with pytest.raises(LockedError, match=str(holder.pid)):
            repair(folder, known_of)
        holder.kill()
    assert check(folder, known_of).holder is None
    RunLock(folder).release()


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(folder, "UPDATE run SET value = 99 WHERE name = 'version'", "DELETE FROM results")
    folder.chmod(0o755)
    _, checkup = repaired(folder)
    assert "newer llmdash" in "".join(bad(checkup))
    assert not list(folder.glob("*.before-repair-*"))


def test_a_journal_of_the_first_version_is_sound(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    sql(folder, "DROP TABLE health", "UPDATE run SET value = 1 WHERE name = 'version'")
    assert bad(check(folder, known_of)) == []


def test_results_are_not_called_foreign_where_the_input_cannot_vouch_for_the_number_of_jobs(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path / "run")
    before = results_in(folder)
    sql(folder, "UPDATE run SET value = 3 WHERE name = 'jobs'", "DELETE FROM run WHERE name = 'seed'")
    _, checkup = repaired(folder)
    assert results_in(folder) == before
    assert not checkup.sound
