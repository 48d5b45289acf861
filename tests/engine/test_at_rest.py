"""A run at rest: it stands still, no pause counts, and reopened it is what it was."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.health_records import restore_health
from llmdash.engine.run import assembly
from llmdash.engine.session import LocalSession
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import FailureKind
from tests.engine.scripted import Server, failing, plan, prompts, run, started, until, whole
from tests.waiting import wait_for

WIDE = View(jobs=JobsView(height=50), series=SeriesView(100))


def slowly(_key: str, prompt: str, _before: int) -> list[Any]:
    return [0.05, Delta(text="so "), 0.05, *whole(prompt)]


def measured(folder: Path, **more: Any) -> RunPlan:
    """A run of some two seconds."""
    return plan(folder, Server(slowly), prompts(60), concurrency=4, **more)


def standing(session: LocalSession) -> RunPart:
    """What is told of the run once its clock stands: what was measured before a pause ends soon after it."""
    looks = [session.frame(View()).run]

    def stands() -> bool:
        looks.append(session.frame(View()).run)
        return looks[-1].elapsed_s == looks[-2].elapsed_s

    wait_for(stands, "the clock to stand", every_s=0.3)
    return looks[-1]


def still(frame: Frame) -> Frame:
    """The frame without what comes once only."""
    return replace(frame, notices=())


@pytest.mark.case("engine", "done-run")
def test_the_picture_of_an_ended_run_stands_still_and_its_pace_is_the_mean(tmp_path: Path) -> None:
    with started(measured(tmp_path, stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
        first = still(session.frame(WIDE))
        run = first.run
        assert run.requests_per_s == pytest.approx(60 / run.elapsed_s)
        assert run.tokens_per_s == pytest.approx(180 / run.elapsed_s)
        assert first.rate.achieved == run.requests_per_s
        assert first.series.rate
        for _ in range(6):
            time.sleep(0.25)  # what must not happen takes time
            assert still(session.frame(WIDE)) == first


@pytest.mark.case("engine", "done-run")
def test_reopened_an_ended_run_looks_as_it_did(tmp_path: Path) -> None:
    before = run(measured(tmp_path)).frame(WIDE)
    with started(measured(tmp_path, resume=True, stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
        after = session.frame(WIDE)
        assert after.run.elapsed_s == pytest.approx(before.run.elapsed_s, abs=0.1)
        assert after.run.requests_per_s == pytest.approx(before.run.requests_per_s, rel=0.1)
        assert [row.wait_s for row in after.jobs.rows] == [row.wait_s for row in before.jobs.rows]
        assert any(row.wait_s for row in before.jobs.rows)
        assert (after.series.step_s, after.series.rate) == (before.series.step_s, before.series.rate)
        for name in ("attempts", "retries", "input_tokens", "output_tokens", "done"):
            assert getattr(after.run, name) == getattr(before.run, name)


@pytest.mark.case("engine", "done-run")
def test_what_it_takes_to_open_a_run_is_no_time_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly_restored(*state: Any) -> None:
        time.sleep(0.5)
        restore_health(*state)

    monkeypatch.setattr(assembly, "restore_health", slowly_restored)
    before = run(plan(tmp_path, Server(), prompts(5))).frame(WIDE).run
    again = plan(tmp_path, Server(), prompts(5), resume=True)
    assert run(again).frame(WIDE).run.elapsed_s == pytest.approx(before.elapsed_s)
    assert run(again).frame(WIDE).run.elapsed_s == pytest.approx(before.elapsed_s)


@pytest.mark.case("engine", "done-run")
def test_the_time_at_work_adds_up_over_starts(tmp_path: Path) -> None:
    stopped = threading.Event()

    def half(key: str, prompt: str, before: int) -> list[Any]:
        return [*([stopped] if int(prompt.split()[-1]) >= 30 else []), *slowly(key, prompt, before)]

    with started(plan(tmp_path, Server(half), prompts(60), concurrency=4)) as session:
        until(session, lambda frame: frame.run.done > 20)
    first = session.frame(WIDE).run
    second = run(measured(tmp_path, resume=True)).frame(WIDE).run
    assert second.done == 60
    assert second.elapsed_s > first.elapsed_s
    assert second.attempts / second.elapsed_s == pytest.approx(second.requests_per_s)


@pytest.mark.case("engine", "done-run")
def test_a_job_that_is_retried_wakes_the_run(tmp_path: Path) -> None:
    def second_time(_key: str, prompt: str, before: int) -> list[Any]:
        return failing(FailureKind.REQUEST) if prompt == "prompt 3" and not before else whole(prompt)

    with started(plan(tmp_path, Server(second_time), prompts(5), stay=True)) as session:
        ended = until(session, lambda frame: frame.run.state is RunState.DONE).run
        time.sleep(0.3)  # the run rests meanwhile
        assert session.frame(View()).run.elapsed_s == ended.elapsed_s
        session.command(commands.RetryFailed())
        again = until(session, lambda frame: frame.run.done == 5 and frame.run.state is RunState.DONE).run
        assert again.elapsed_s > ended.elapsed_s


@pytest.mark.case("engine", "eta-after-pause")
def test_the_time_left_counts_no_pause(tmp_path: Path) -> None:
    """The same clocks as in a pause of minutes: what the run's clock does not count has no length."""
    server = Server(lambda _key, prompt, _before: [0.02, *whole(prompt)])
    with started(plan(tmp_path, server, prompts(600), concurrency=2)) as session:
        begun = until(session, lambda frame: frame.run.done > 0).run
        until(session, lambda frame: frame.run.done > 100)
        session.command(commands.Pause())
        paused = until(session, lambda frame: frame.run.rests).run
        assert (paused.requests_per_s, paused.tokens_per_s, paused.ends_in_s) == (0.0, 0.0, None)
        held = standing(session)
        time.sleep(1.0)  # what must not happen takes time
        assert session.frame(View()).run.elapsed_s == held.elapsed_s
        session.command(commands.Resume())
        run = until(session, lambda frame: frame.run.ends_in_s is not None).run
        assert run.ends_in_s is not None
        left = run.jobs - run.ended
        least = left * (run.elapsed_s - begun.elapsed_s) / run.done  # the pace is that since the first answer
        assert 0.95 * least <= run.ends_in_s[1] <= 1.05 * left * max(1.0, run.elapsed_s) / run.done


def with_row(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "journal.sqlite", isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


DAMAGE = {
    "a job beyond the last": "UPDATE results SET job = 4000 WHERE job = 3",
    "a job before the first": "UPDATE results SET job = -1 WHERE job = 3",
    "a state that is none": "UPDATE results SET state = 'gone' WHERE job = 3",
    "a verdict that is none": "UPDATE results SET verdict = 77 WHERE job = 3",
    "a verdict that is text": "UPDATE results SET verdict = 'x' WHERE job = 3",
    "a time that is text": "UPDATE results SET latency_s = 'soon' WHERE job = 3",
    "a time without end": "UPDATE results SET ttft_s = 9e999 WHERE job = 3",
    "tokens below nothing": "UPDATE results SET input_tokens = -4 WHERE job = 3",
    "more tokens than there are": "UPDATE results SET output_tokens = 1 << 40 WHERE job = 3",
    "half a token": "UPDATE results SET output_tokens = 1.5 WHERE job = 3",
    "a key of bytes": "UPDATE results SET key = x'00' WHERE job = 3",
    "an error that is no text": "UPDATE results SET error = CAST(x'ff61' AS TEXT) WHERE job = 3",
    "an attempt of a job beyond the last": "UPDATE attempts SET job = 4000 WHERE job = 3",
    "an attempt before the first": "UPDATE attempts SET attempt = -9 WHERE job = 3",
    "the key of an attempt is no text": "UPDATE attempts SET key = CAST(x'ff61' AS TEXT) WHERE job = 3",
    "a health that is none": "INSERT INTO health VALUES ('k0', 'splendid', 1.0, 1.0, '', 1)",
    "a rest that is text": "INSERT INTO health VALUES ('k0', 'throttled', 1.0, 'long', '', 1)",
}


@pytest.mark.case("engine", "rows-out-of-range")
@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_row_that_cannot_be_one_of_the_run_names_doctor(tmp_path: Path, statement: str) -> None:
    run(plan(tmp_path, Server(), prompts(9)))
    with_row(tmp_path, statement)
    with pytest.raises(JournalError, match=r"llmdash doctor "):
        LocalSession(plan(tmp_path, Server(), prompts(9), resume=True))
    with_row(tmp_path, "DELETE FROM results", "DELETE FROM attempts", "DELETE FROM health")
    assert run(plan(tmp_path, Server(), prompts(9), resume=True)).frame(View()).run.done == 9


@pytest.mark.case("engine", "rows-out-of-range")
def test_a_sound_journal_of_any_kind_of_row_is_taken(tmp_path: Path) -> None:
    def mixed(_key: str, prompt: str, before: int) -> list[Any]:
        if prompt == "prompt 1":
            return failing(FailureKind.REQUEST, "no \x00 \U0001f600")
        return failing(FailureKind.THROTTLE) if prompt == "prompt 2" and not before else whole(prompt)

    run(plan(tmp_path, Server(mixed), prompts(5)))
    assert run(plan(tmp_path, Server(), prompts(5), resume=True)).frame(View()).run.failed == 1


def test_headers_that_are_kept_are_on_record_for_each_attempt(tmp_path: Path) -> None:
    def server(_key: str, prompt: str, before: int) -> list[Any]:
        if not before:
            return failing(FailureKind.THROTTLE, status=429, headers="429\nretry-after: 0")
        return [Delta(headers="200\nx-request-id: req_2"), *whole(prompt)]

    run(plan(tmp_path, Server(server), prompts(1)))
    refused, answered = JournalReader(tmp_path).attempts(0)
    assert refused.headers == "429\nretry-after: 0"
    assert answered.headers == "200\nx-request-id: req_2"


def test_exports_hold_no_digits_that_no_clock_measures(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(slowly), prompts(3)))
    with_row(tmp_path, "UPDATE results SET ttft_s = 0.3661513070001092, latency_s = 1.0000000000000002")
    record = next(JournalReader(tmp_path).results())
    assert (record.ttft_s, record.latency_s) == (0.366151, 1.0)
    assert len(json.dumps(record.sent_at).partition(".")[2]) <= 6
