"""What a replay shows beside the counts: prompts and answers, order, tiles, workers; and what is damaged."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model.commands import Pause, Resume, Seek, SetSpeed
from llmdash.engine.model.records import AttemptRecord, MomentRow, ResultRow, SampleRow
from llmdash.engine.model.states import JobState, KeyState, RunState, SortColumn, WorkerState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.runs.replay.session import ReplaySession
from tests.waiting import PATIENCE_S, wait_for

AT = 1_700_000_000.0
FACTS = {"jobs": 4, "fingerprint": "f" * 64, "name": "made up", "rate": "oops",
         "models": json.dumps({"a": "m"}), "concurrency": 7}  # fmt: skip


def made(folder: Path, *moments: MomentRow) -> None:
    """Jobs of two seconds each, one a second; the first one fails once, the last one for good."""
    attempts = [
        AttemptRecord(0, 1, "a", "failed", AT, "transient", 503, "503 no", latency_s=0.5, ended_at=AT + 0.5)
    ]
    results = []
    for job in range(4):
        sent, end = AT + job + 1, AT + job + 3
        number = 2 if job == 0 else 1
        if job == 3:
            attempts.append(
                AttemptRecord(3, 1, "a", "failed", sent, "request", 400, "400 bad 3", ended_at=end)
            )
            results.append(ResultRow(3, "p3", "failed", key="a", attempts=1, error="400 bad 3", ended_at=end))
            break
        attempts.append(
            AttemptRecord(job, number, "a", "ok", sent, ttft_s=0.5, latency_s=2.0, output_tokens=9,
                          ended_at=end, worker="w1")
        )  # fmt: skip
        results.append(
            ResultRow(job, f"p{job}", "done", f"answer of {job}" * 3, None, 0, "a", number, 0.5, 2.0, 3, 9,
                      True, endpoint="there", ended_at=end, worker="w1", flags="empty")
        )  # fmt: skip
    journal = JournalFile.create(folder, FACTS)
    journal.write(Group(attempts, results, moments=list(moments)))
    journal.close()


def session_at(folder: Path, position: float) -> ReplaySession:
    session = ReplaySession(folder, lambda: 0.0)
    assert session.loaded(PATIENCE_S)
    assert session.crash is None
    session.command(Pause())
    session.command(Seek(position))
    return session


def test_the_inspector_knows_nothing_of_the_future(tmp_path: Path) -> None:
    made(tmp_path)
    session = session_at(tmp_path, 0.2)
    for position, states, answered in (
        (0.2, ["sent"], False), (0.7, ["failed"], False), (2.0, ["failed", "sent"], False),
        (3.5, ["failed", "ok"], True), (0.2, ["sent"], False),
    ):  # fmt: skip
        session.command(Seek(position))
        found = session.frame(View(inspect=0)).inspection
        assert found is not None
        assert [attempt.state for attempt in found.attempts] == states
        assert (found.record is not None and found.record.state == "done") is answered
    session.command(Seek(0.2))
    unsent = session.frame(View(inspect=2)).inspection
    assert unsent is not None
    assert unsent.attempts == ()


def test_when_it_ends_is_told_by_the_clock_of_then(tmp_path: Path) -> None:
    made(tmp_path)
    run = session_at(tmp_path, 3.5).frame(View()).run
    assert run.ends_in_s is not None
    assert run.ends_at == pytest.approx(AT + 3.5 + run.ends_in_s[1])


def test_jobs_are_sorted_filtered_and_their_streams_tiled(tmp_path: Path) -> None:
    made(tmp_path)
    session = session_at(tmp_path, 2.8)
    view = View(jobs=JobsView(height=9, sort=SortColumn.TIME, filter="state:stream"), tiles=3)
    wait_for(lambda: session.frame(view).jobs.matched == 2)
    frame = session.frame(view)
    assert {row.job for row in frame.jobs.rows} == {0, 1}
    assert {part.job for part in frame.tiles} == {0, 1}
    assert all(part.is_even for part in frame.tiles)
    begun = session.frame(View(jobs=JobsView(height=9))).jobs.rows
    assert [row.job for row in begun] == [1, 0], "what waits has no row"
    everything = session.frame(View(jobs=JobsView(height=9, sort=SortColumn.NUMBER))).jobs.rows
    assert [row.job for row in everything] == [0, 1, 2, 3]
    assert [row.job for row in session.frame(View(jobs=JobsView(anchor=0, height=1))).jobs.rows] == [0]
    followed = session.frame(View(stream=StreamView(seen_job=0))).stream
    assert followed.job == 0


def test_notices_keys_endpoints_and_workers_are_those_of_the_time(tmp_path: Path) -> None:
    made(
        tmp_path,
        MomentRow(AT, "begun", None, "0"),
        MomentRow(AT + 1, "key", "a", "throttled slow down"),
        MomentRow(AT + 1, "endpoint", "there", "down refused"),
        MomentRow(AT + 1, "worker", "w1", "working"),
        MomentRow(AT + 1, "state", "paused", "for lunch"),
        MomentRow(AT + 1, "concurrency", None, "12"),
        MomentRow(AT + 1, "notice", "warning", "look here"),
        MomentRow(AT + 1, "notice", "no severity", "and here"),
        MomentRow(AT + 2, "key", "a", "healthy"),
        MomentRow(AT + 2, "endpoint", "there", "up"),
    )
    session = session_at(tmp_path, 0.5)
    before = session.frame(View())
    assert (before.rate.concurrency, before.notices, before.keys[0].state) == (7, (), KeyState.HEALTHY)
    session.command(Seek(1.5))
    frame = session.frame(View())
    assert frame.keys[0].state is KeyState.THROTTLED
    assert frame.keys[0].ready_in_s == pytest.approx(0.5)
    assert frame.endpoints[0].returns_in_s == pytest.approx(0.5)
    assert [notice.text for notice in frame.notices] == ["look here", "and here"]
    assert (frame.run.state, frame.run.state_detail) == (RunState.PAUSED, "for lunch")
    assert frame.rate.concurrency == 12
    assert [(row.name, row.state) for row in frame.workers] == [("w1", WorkerState.WORKING)]
    session.command(Seek(5.0))
    assert session.frame(View()).workers[0].done == 3


def test_groups_of_errors_grow(tmp_path: Path) -> None:
    made(tmp_path)
    session = session_at(tmp_path, 5.0)
    view = View(errors=True, failed_as="request 400  bad *")
    before = session.frame(view)
    assert [(group.words, group.jobs, group.tries) for group in before.errors] == [("503 no", 0, 1)]
    assert before.failed == ()
    assert session.frame(View(examples_of=before.errors[0].id)).examples[0].message == "503 no"
    assert session.frame(View(errors=True, errors_of="of nobody")).errors == ()
    session.command(Seek(6.0))
    frame = session.frame(view)
    assert [(group.name, group.jobs, group.examples) for group in frame.errors if group.jobs] == [
        ("bad *", 1, (3,))
    ]
    assert frame.failed == (3,)
    assert frame.run.tokens_estimated
    assert frame.run.empty == 3


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -5.0])
def test_no_position_or_speed_breaks_it(tmp_path: Path, wrong: float) -> None:
    made(tmp_path)
    session = session_at(tmp_path, 1.0)
    session.command(Resume())
    session.command(Seek(wrong))
    session.command(SetSpeed(wrong))
    part = session.frame(View()).replay
    assert part is not None
    assert 0.0 <= part.position_s <= part.length_s == 6.0
    assert 0.1 <= part.speed <= 1_000.0


def test_commands_given_while_the_journal_is_read_count(tmp_path: Path) -> None:
    made(tmp_path)
    gate = threading.Event()
    session = ReplaySession(tmp_path, lambda: 0.0 * gate.wait(PATIENCE_S))
    first = session.frame(View()).run
    assert (first.state, first.jobs, first.queued) == (RunState.STARTING, 4, 4)
    assert session.position_of(AT) == 0.0
    session.command(Seek(2.5))
    gate.set()
    assert session.loaded(PATIENCE_S)
    part = session.frame(View()).replay
    assert part is not None
    assert part.position_s == 2.5
    assert (session.alive, session.join()) == (False, True)


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    journal = JournalFile.open(tmp_path)
    journal._db.execute("UPDATE results SET state = 'odd' WHERE job = 1")
    journal.close()
    session = ReplaySession(tmp_path)
    assert session.loaded(PATIENCE_S)
    assert "damaged" in session.frame(View()).run.state_detail


@pytest.mark.parametrize("value", [None, "", "x", "-1", "inf", "nan"])
def test_damaged_moments_break_nothing(tmp_path: Path, value: str | None) -> None:
    kinds = ("work", "rate", "concurrency", "state", "key", "endpoint", "worker", "notice", "odd", "ended")
    rows = [
        MomentRow(AT + n, kind, subject, value)
        for n, kind in enumerate(kinds)
        for subject in (None, "on", "a")
    ]
    made(tmp_path, *rows)
    session = session_at(tmp_path, 3.0)
    frame = session.frame(View(jobs=JobsView(height=9)))
    assert frame.run.jobs == 4
    assert {row.state for row in frame.jobs.rows} >= {JobState.DONE}


def test_the_cost_is_that_of_the_last_sample(tmp_path: Path) -> None:
    made(tmp_path)
    journal = JournalFile.open(tmp_path)
    journal.write(
        Group(samples=[SampleRow(AT + n, float(n), 1, 1, cost=n / 100, binding="rate") for n in (1, 2, 3)])
    )
    journal.close()
    session = session_at(tmp_path, 2.5)
    assert session.frame(View()).run.cost == pytest.approx(0.02)
    session.command(Seek(0.5))
    assert session.frame(View()).run.cost is None


@pytest.mark.parametrize("jump_s", [-40_000_000.0, -3600.0, -2.0, 2.0, 3600.0, 40_000_000.0])
def test_a_clock_that_was_set_while_the_run_was_at_work_breaks_nothing(tmp_path: Path, jump_s: float) -> None:
    """Half of the jobs are sent, and all else happens, before the clock is set, the rest after it."""

    def at(second: float) -> float:
        return AT + second + (jump_s if second >= 10 else 0.0)

    results = [
        ResultRow(job, f"p{job}", "done", "yes", attempts=1, latency_s=2.0, ended_at=at(job + 2))
        for job in range(20)
    ]
    attempts = [
        AttemptRecord(job, 1, "a", "ok", at(job), ttft_s=0.5, latency_s=2.0, ended_at=at(job + 2))
        for job in range(20)
    ]
    moments = [
        MomentRow(at(0), "begun", None, "0.0"),
        MomentRow(at(0), "work", None, "0.0"),
        MomentRow(at(0), "work", "on", "0.0"),
        MomentRow(at(22), "work", "off", "22.0"),
        MomentRow(at(22), "ended", None, "done"),
    ]
    journal = JournalFile.create(tmp_path, {**FACTS, "jobs": 20})
    journal.write(Group(attempts, results, moments=moments))
    journal.close()
    session = session_at(tmp_path, 0.0)
    replay = session.frame(View()).replay
    assert replay is not None
    assert replay.length_s == pytest.approx(22.0, abs=0.05)
    assert session.position_of(at(22)) == pytest.approx(22.0, abs=0.05)
    seen = []
    for share in range(101):
        session.command(Seek(replay.length_s * share / 100))
        run = session.frame(View()).run
        assert 0 <= run.done <= 20
        seen.append(run.done)
    assert seen == sorted(seen)
    assert seen[-1] == 20
    assert session.frame(View()).run.state is RunState.DONE
    for second in range(2, 22) if abs(jump_s) > 22.0 else ():
        session.command(Seek(second + 0.5))
        assert session.frame(View()).run.done == second - 1
