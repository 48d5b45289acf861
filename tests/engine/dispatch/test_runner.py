"""A run under way: pause, drain, slides, cancelled and retried jobs, and going on after a stop."""

from __future__ import annotations

import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.model import commands
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import AlertKind, JobState, KeyState, RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.session import LocalSession
from llmdash.llms.wire.failures import FailureKind
from tests.engine.scripted import ALL as FULL
from tests.engine.scripted import (
    FAST,
    Server,
    assert_balanced,
    echo,
    failing,
    held_from,
    plan,
    prompts,
    records,
    run,
    started,
    until,
    whole,
)
from tests.waiting import PATIENCE_S, wait_for

NEWEST = View(jobs=JobsView(height=100))


def gated(gate: threading.Event) -> Server:
    return Server(lambda _key, prompt, _before: [gate, *whole(f"re: {prompt}")])


def state_of(session: LocalSession, job: int) -> JobState:
    frame = until(session, lambda _: True)
    return next(row.state for row in frame.jobs.rows if row.job == job)


def test_a_paused_run_sends_nothing_and_goes_on_when_resumed(tmp_path: Path) -> None:
    gate = threading.Event()
    server = gated(gate)
    with started(plan(tmp_path, server, prompts(50), concurrency=5)) as session:
        until(session, lambda frame: frame.run.in_flight == 5)
        session.command(commands.Pause())
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        gate.set()
        frame = until(session, lambda frame: frame.run.done == 5)
        assert (frame.run.in_flight, sum(server.asked.values())) == (0, 5)
        session.command(commands.Resume())
        assert session.join(PATIENCE_S)
    assert assert_balanced(session, server).run.done == 50


def test_a_drained_run_ends_as_soon_as_nothing_is_in_flight(tmp_path: Path) -> None:
    gate = threading.Event()
    server = gated(gate)
    with started(plan(tmp_path, server, prompts(50), concurrency=5, grace_s=10_000.0)) as session:
        until(session, lambda frame: frame.run.in_flight == 5)
        session.command(commands.Drain())
        until(session, lambda frame: frame.run.state is RunState.DRAINING)
        gate.set()
        assert session.join(PATIENCE_S)
    assert session.ending is Ending.STOPPED
    assert assert_balanced(session, server).run.done == 5


def test_a_drain_that_was_called_off_goes_on_to_the_end(tmp_path: Path) -> None:
    gate = threading.Event()
    server = gated(gate)
    with started(plan(tmp_path, server, prompts(40), concurrency=4, stay=True)) as session:
        until(session, lambda frame: frame.run.in_flight == 4)
        session.command(commands.Drain())
        gate.set()
        until(session, lambda frame: frame.run.state is RunState.PAUSED)
        session.command(commands.Resume())
        until(session, lambda frame: frame.run.state is RunState.DONE)
        session.command(commands.Drain())
        session.command(commands.Resume())
        until(session, lambda frame: frame.run.state is RunState.DONE)
    assert assert_balanced(session, server).run.done == 40


def test_a_drain_cuts_what_is_still_in_flight_after_the_grace(tmp_path: Path) -> None:
    server = gated(threading.Event())
    with started(plan(tmp_path, server, prompts(9), concurrency=3, grace_s=0.01)) as session:
        until(session, lambda frame: frame.run.in_flight == 3)
        session.command(commands.Drain())
        assert session.join(PATIENCE_S)
    assert assert_balanced(session, server).run.ended == 0


def test_concurrency_is_kept_at_every_moment_of_a_slide(tmp_path: Path) -> None:
    """After a slide down nothing new is sent until there is room, though old requests go on."""
    gate = threading.Event()
    server = Server(lambda _key, prompt, _before: [gate, 0.001, *whole(f"re: {prompt}")])
    with started(plan(tmp_path, server, prompts(300), concurrency=2)) as session:
        until(session, lambda frame: frame.run.in_flight == 2)
        session.command(commands.SetConcurrency(20))
        until(session, lambda frame: frame.run.in_flight == 20)
        session.command(commands.SetConcurrency(3))
        until(session, lambda frame: frame.rate.concurrency == 3)
        before = len(server.arrivals)
        gate.set()
        until(session, lambda frame: frame.run.done > 60)
        down = server.arrivals[before : before + 30]
        assert max(in_flight for _, in_flight in down) <= 3
        session.command(commands.SetConcurrency(10))
        assert session.join(PATIENCE_S)
    assert server.most_in_flight == 20
    assert assert_balanced(session, server).run.done == 300


def test_a_rate_slid_while_it_runs_reaches_those_who_wait(tmp_path: Path) -> None:
    server = Server()
    with started(plan(tmp_path, server, prompts(100), rate=0.2)) as session:
        until(session, lambda frame: frame.run.done == 1)
        session.command(commands.SetRate(None))
        assert session.join(PATIENCE_S)
    assert assert_balanced(session, server).run.done == 100


def test_a_job_is_cancelled_in_flight_in_backoff_and_in_line(tmp_path: Path) -> None:
    gate = threading.Event()

    def script(key: str, prompt: str, before: int) -> list[Any]:
        if prompt == "prompt 0":
            return failing(FailureKind.TRANSIENT, "reset")
        return [gate, *echo(key, prompt, before)]

    server = Server(script)
    slow = RetryPolicy(base_s=1_000.0, cap_s=1_000.0)
    with started(plan(tmp_path, server, prompts(10), concurrency=2, policy=slow)) as session:
        until(session, lambda frame: frame.run.in_flight == 2 and frame.run.retries == 1)
        assert state_of(session, 0) is JobState.BACKOFF
        session.command(commands.CancelJobs((0, 1, 7, 7, -1, 99)))
        until(session, lambda frame: frame.run.cancelled == 3)
        gate.set()
        assert session.join(PATIENCE_S)
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.cancelled) == (7, 3)
    assert server.asked["prompt 7"] == 0
    assert sum(key.sent for key in frame.keys) == sum(server.asked.values())


def test_cancelling_at_the_moment_of_the_end_does_not_end_a_job_twice(tmp_path: Path) -> None:
    """Cancels and retries rain on jobs that are queued, in flight, being written, and ended."""
    rng = random.Random(3)
    kinds: list[type[commands.CancelJobs | commands.RetryJobs]] = [commands.CancelJobs, commands.RetryJobs]
    server = Server()
    with started(plan(tmp_path, server, prompts(200), concurrency=8, stay=True)) as session:
        for _ in range(300):
            jobs = tuple(rng.randrange(200) for _ in range(5))
            session.command(rng.choice(kinds)(jobs))
            session.command(rng.choice(kinds)(jobs))
            if rng.random() < 0.2:
                until(session, lambda _: True)
        until(session, lambda frame: frame.run.ended == 200 and frame.run.state is RunState.DONE)
        session.command(commands.RetryJobs(tuple(range(200))))
        until(session, lambda frame: frame.run.done == 200)
    assert session.ending is Ending.DONE
    frame = assert_balanced(session, server)
    assert sorted(row.job for row in frame.jobs.rows) == list(range(200))


def test_jobs_cancelled_before_their_turn_stand_once_in_the_table(tmp_path: Path) -> None:
    gate = threading.Event()
    server = gated(gate)
    with started(plan(tmp_path, server, prompts(30), concurrency=2)) as session:
        until(session, lambda frame: frame.run.in_flight == 2)
        session.command(commands.CancelJobs((5, 6, 20)))
        until(session, lambda frame: frame.run.cancelled == 3)
        begun = session.frame(NEWEST)
        assert sorted(row.job for row in begun.jobs.rows) == [0, 1, 5, 6, 20]
        assert begun.run.queued + begun.run.waiting == 25
        gate.set()
        assert session.join(PATIENCE_S)
    assert sorted(row.job for row in session.frame(NEWEST).jobs.rows) == list(range(30))
    assert assert_balanced(session, server).run.done == 27


def test_ended_jobs_are_retried_and_the_counts_stay_balanced(tmp_path: Path) -> None:
    def script(key: str, prompt: str, before: int) -> list[Any]:
        if prompt == "prompt 2" and before == 0:
            return failing(FailureKind.REQUEST, "bad")
        return whole(f"answer {before}")

    server = Server(script)
    with started(plan(tmp_path, server, prompts(5), stay=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
        session.command(commands.RetryJobs((0,)))
        session.command(commands.RetryFailed())
        until(session, lambda frame: frame.run.done == 5 and frame.run.state is RunState.DONE)
    frame = assert_balanced(session, server)
    assert [result.text for result in records(session)][:3] == ["answer 1", "answer 0", "answer 1"]
    assert [result.attempts for result in records(session)] == [2, 1, 2, 1, 1]
    assert frame.run.input_tokens == 2 * 6


def has_done(goal: int, frame: Frame) -> bool:
    return frame.run.done >= goal


@pytest.mark.parametrize("failures", [0.0, 0.3])
def test_a_run_stopped_again_and_again_is_whole_in_the_end(tmp_path: Path, failures: float) -> None:
    rng = random.Random(5)

    def script(key: str, prompt: str, before: int) -> list[Any]:
        wait = rng.uniform(0, 0.003)
        if rng.random() < failures:
            return [
                wait,
                *failing(rng.choice([FailureKind.TRANSIENT, FailureKind.THROTTLE]), retry_after=0.01),
            ]
        return [wait, *echo(key, prompt, before)]

    server = Server(script)
    patient = RetryPolicy(retries=100, base_s=FAST.base_s, cap_s=FAST.cap_s)
    done = 0
    for start in range(4):
        the_plan = plan(tmp_path, server, prompts(300), resume=start > 0, policy=patient)
        with started(the_plan) as session:
            goal = min(300, done + 60)
            done = until(session, partial(has_done, goal)).run.done
        frame = assert_balanced(session, server)
        done = frame.run.done
    session = run(plan(tmp_path, server, prompts(300), resume=True, policy=patient))
    frame = assert_balanced(session, server)
    assert frame.run.done == 300
    assert [result.text for result in records(session)] == [f"re: prompt {n}" for n in range(300)]
    assert frame.run.input_tokens == sum(key.input_tokens for key in frame.keys) == 600


def test_failed_jobs_are_tried_again_only_when_asked(tmp_path: Path) -> None:
    server = Server(lambda *_: failing(FailureKind.REQUEST, "bad"))
    run(plan(tmp_path, server, prompts(3)))
    server.script = echo
    assert run(plan(tmp_path, server, prompts(3), resume=True)).frame(FULL).run.failed == 3
    session = run(plan(tmp_path, server, prompts(3), resume=True, retry_failed=True))
    assert assert_balanced(session, server).run.done == 3


def test_a_key_turned_off_gets_no_more_work(tmp_path: Path) -> None:
    weighed, turned_off = threading.Event(), threading.Event()
    held = held_from(200, turned_off)
    server = Server(lambda key, prompt, before: [weighed, 0.002, *held(key, prompt, before)])
    with started(plan(tmp_path, server, prompts(300))) as session:
        session.command(commands.SetWeight("k2", 2.0))
        until(session, lambda frame: bool(frame.keys) and frame.keys[2].weight == 2.0)
        weighed.set()
        until(session, lambda frame: frame.run.done > 20)
        session.command(commands.DisableKey("k1"))
        until(session, lambda frame: bool(frame.keys) and frame.keys[1].state is KeyState.DISABLED)
        given_out = session.frame(FULL).keys[1].sent
        turned_off.set()
        assert session.join(PATIENCE_S)
    assert server.by_key["k1"] <= given_out
    assert server.by_key["k2"] > 1.5 * server.by_key["k0"]


def test_a_stop_in_the_middle_of_everything_leaves_nothing_running(tmp_path: Path) -> None:
    before = threading.active_count()
    server = gated(threading.Event())
    with started(plan(tmp_path, server, prompts(100), concurrency=20)) as session:
        until(session, lambda frame: frame.run.in_flight == 20)
        session.command(commands.CancelJobs(tuple(range(10))))
    assert assert_balanced(session, server).run.cancelled == 10
    assert server.in_flight == 0
    wait_for(lambda: threading.active_count() <= before, "the threads to end")


def test_why_nothing_gets_out_of_this_machine_is_said_meanwhile_and_costs_no_job(tmp_path: Path) -> None:
    seen = threading.Event()

    def script(key: str, prompt: str, before: int) -> list[Any]:
        return (
            failing(FailureKind.LOCAL, "no address found: llm.invalid")
            if not seen.is_set()
            else echo(key, prompt, before)
        )

    server = Server(script)
    with started(plan(tmp_path, server, prompts(12), policy=FAST)) as session:
        (alert,) = until(session, lambda frame: bool(frame.alerts)).alerts
        seen.set()
        assert session.join(PATIENCE_S)
    frame = assert_balanced(session, server)
    assert (frame.run.done, frame.run.failed, frame.alerts) == (12, 0, ())
    assert alert.kind is AlertKind.MACHINE
    assert "llm.invalid" in alert.text
    assert alert.passes_in_s is not None
