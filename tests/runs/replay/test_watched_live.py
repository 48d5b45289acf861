"""A replay shows at each time what the dashboard showed then."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.frame import Frame, JobRow, KeyRow
from llmdash.engine.model.states import JobState, RunState
from llmdash.engine.model.view import JobsView, SeriesView, View
from llmdash.engine.session import LocalSession
from llmdash.llms.messages import Delta
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.runs.replay.session import ReplaySession
from tests.engine.scripted import Server, plan, prompts, run, started, until, whole
from tests.waiting import PATIENCE_S, first

JOBS = 40
STANDS_S = 0.15
WIDE = View(jobs=JobsView(height=JOBS), errors=True, series=SeriesView(600))
NOTES = {"name": "watched", "endpoint": "nowhere", "concurrency": 64, "rate": "null",
         "models": json.dumps(dict.fromkeys(("k0", "k1", "k2"), "scripted"))}  # fmt: skip


class Seen(NamedTuple):
    """What was on screen at a time, in Unix seconds: a frame made before that time, and one made after it."""

    before: Frame
    at: float
    frame: Frame

    def around(
        self, value: float | None, of: Callable[[Frame], float | None], rel: float = 0.0, within: float = 0.0
    ) -> bool:
        """True if `value` lies between those of the two frames, give or take the tolerances."""
        least, most = sorted(of(frame) or 0.0 for frame in (self.before, self.frame))
        return least * (1 - rel) - within <= (value or 0.0) <= most * (1 + rel) + within


def phases(gates: list[threading.Event]) -> Callable[[str, str, int], list[Any]]:
    """Answers that each wait for a gate: of five jobs one streams for long, one fails once, one for good."""

    def script(_key: str, prompt: str, before: int) -> list[Any]:
        number = int(prompt.split()[-1])
        early, late = gates[number % 4], gates[4 + number % 3]
        match number % 5:
            case 0:
                return [early, Delta(text="grows "), late, *whole("up")]
            case 1 if not before:
                return [early, Failure(FailureKind.TRANSIENT, "try later", status=503)]
            case 2:
                refusal = Failure(
                    FailureKind.REQUEST, f"{number} is too long", status=400, names_request=True
                )
                return [early, refusal]
            case 3 if not before:
                return [early, Failure(FailureKind.THROTTLE, "slow down", status=429, retry_after=0.3)]
        return [late, *whole(f"re: {prompt}")]

    return script


def gate_of(row: JobRow, gates: list[threading.Event]) -> threading.Event:
    """The gate that a job in flight waits for."""
    number, kind = row.job, row.job % 5
    is_early = kind == 2 or (kind in (1, 3) and row.tries == 1) or (kind == 0 and row.ttft_s is None)
    return gates[number % 4] if is_early else gates[4 + number % 3]


def at_rest(session: LocalSession, gates: list[threading.Event]) -> Seen:
    """What is on screen once nothing has changed for a moment, all that is in flight waits for a gate, and
    nothing is about to leave: that is on record as sent already.
    """

    def is_held(row: JobRow) -> bool:
        moves = gate_of(row, gates).is_set() if row.state.in_flight else row.state is JobState.LIMITER
        return not moves

    def rests(seen: Seen) -> bool:
        return all(map(is_held, seen.before.jobs.rows)) and figures(seen.before) == figures(seen.frame)

    return first(lambda: look(session, 0.03), rests)


def look(session: LocalSession, around_s: float = 0.0) -> Seen:
    """What is on screen, from `around_s` seconds before a time to as long after it."""
    before = session.frame(WIDE)
    paused(around_s)
    at = time.time()
    paused(around_s)
    return Seen(before, at, session.frame(WIDE))


def paused(seconds: float) -> None:
    """Sleep in many short pieces: the engine gets its turns however the machine deals them out."""
    for _ in range(10):
        time.sleep(seconds / 10)


def standing(session: LocalSession) -> Seen:
    """What is on screen once the clock of the run stands: from STANDS_S before the time to as long after."""
    seen = first(
        lambda: look(session, STANDS_S), lambda seen: seen.before.run.elapsed_s == seen.frame.run.elapsed_s
    )
    assert seen.frame.run.elapsed_s > 0
    return seen


def row_of(row: JobRow) -> tuple[Any, ...]:
    """What a row says of the outcome; one that waits its turn does so between two attempts."""
    state = row.state
    if state in (JobState.QUEUED, JobState.KEY):
        state = JobState.BACKOFF if row.tries else JobState.QUEUED
    known = state.ended or state.in_flight
    error = row.error if state.ended or state is JobState.BACKOFF else ""
    return (row.job, row.id, state, row.key if known else None, row.tries, row.verdict, error,
            row.output_tokens, row.ttft_s is None)  # fmt: skip


def key_of(key: KeyRow) -> tuple[Any, ...]:
    return (key.label, key.sent, key.ok, key.throttled, key.errors, key.cut, key.in_flight,
            key.input_tokens, key.output_tokens)  # fmt: skip


def figures(frame: Frame) -> tuple[Any, ...]:
    """What has to be the same."""
    part = frame.run
    return (
        sorted(map(row_of, frame.jobs.rows)),
        [key_of(key) for key in frame.keys],
        {(group.id, group.jobs, group.tries, frozenset(group.keys)) for group in frame.errors},
        (part.failed_tries, part.made_good),
        (part.done, part.failed, part.invalid, part.in_flight, part.attempts, part.retries),
        (part.input_tokens, part.output_tokens, part.score, part.empty),
        (frame.rate.rate, frame.rate.concurrency, frame.rate.in_flight),
    )


def watched(folder: Path) -> list[Seen]:
    """A run with faults, watched whenever it was at rest."""
    gates = [threading.Event() for _ in range(7)]
    server = Server(phases(gates))
    policy = RetryPolicy(base_s=0.3, cap_s=0.4, budget_floor=1_000_000)
    order = plan(folder, server, prompts(JOBS), notes=NOTES, concurrency=64, policy=policy)
    seen = []
    with started(order) as session:
        until(session, lambda frame: frame.run.in_flight == JOBS)
        seen.append(at_rest(session, gates))
        for number, gate in enumerate(gates):
            gate.set()
            seen.append(at_rest(session, gates))
            if number == 3:
                session.command(commands.SetConcurrency(50))
                session.command(commands.SetRate(700.0))
        until(session, lambda frame: frame.run.ended == JOBS)
    return seen


def replayed(folder: Path, clock: Callable[[], float], speed: float) -> ReplaySession:
    session = ReplaySession(folder, clock, speed=speed)
    assert session.loaded(PATIENCE_S)
    assert session.crash is None
    return session


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Seen]]:
    folder = tmp_path_factory.mktemp("watched")
    return folder, watched(folder)


@pytest.mark.parametrize("speed", [1.0, 60.0, 1_000.0])
def test_at_any_speed_it_shows_what_was_shown_then(record: tuple[Path, list[Seen]], speed: float) -> None:
    folder, seen = record
    now = 0.0
    session = replayed(folder, lambda: now, speed)
    for moment in seen:
        now = session.position_of(moment.at) / speed
        shown = session.frame(WIDE)
        assert shown.replay is not None
        assert shown.replay.position_s == pytest.approx(session.position_of(moment.at))
        assert figures(shown) == figures(moment.frame)
        assert moment.around(shown.run.elapsed_s, lambda frame: frame.run.elapsed_s, within=0.1)
    assert {state for moment in seen for state in (row.state for row in moment.frame.jobs.rows)} >= {
        JobState.SENT, JobState.STREAMING, JobState.DONE, JobState.FAILED,
    }  # fmt: skip


def test_backwards_it_shows_the_same(record: tuple[Path, list[Seen]]) -> None:
    folder, seen = record
    session = replayed(folder, lambda: 0.0, 1.0)
    for moment in reversed(seen):
        session.command(commands.Seek(session.position_of(moment.at)))
        assert figures(session.frame(WIDE)) == figures(moment.frame)


def test_the_rates_are_those_of_the_time_within_a_sample(tmp_path: Path) -> None:
    server = Server(lambda key, prompt, before: [0.05, *whole(prompt)])
    seen = []
    with started(plan(tmp_path, server, prompts(400), notes=NOTES, rate=100.0)) as session:
        for _ in range(6):
            time.sleep(0.5)
            seen.append(look(session))
    again = replayed(tmp_path, lambda: 0.0, 1.0)
    for moment in seen:
        again.command(commands.Seek(again.position_of(moment.at)))
        shown = again.frame(WIDE)
        assert moment.around(shown.run.requests_per_s, lambda frame: frame.run.requests_per_s, rel=0.05)
        assert shown.rate.rate == 100.0
        for name in ("rate", "in_flight"):
            one, least, most = (getattr(each.series, name) for each in (shown, moment.before, moment.frame))
            assert len(least) - 1 <= len(one) <= len(most) + 1
            assert one[: len(most)] == pytest.approx(most[: len(one)], abs=15)


def test_it_ends_as_the_run_did_and_its_state_is_that_of_the_run(tmp_path: Path) -> None:
    server = Server(lambda key, prompt, before: [0.01, *whole(prompt)])
    with started(plan(tmp_path, server, prompts(300), notes=NOTES, stay=True)) as session:
        until(session, lambda frame: frame.run.done > 30)
        session.command(commands.Pause())
        until(session, lambda frame: frame.run.rests)
        paused_at = standing(session).at
        session.command(commands.Resume())
        until(session, lambda frame: frame.run.state is RunState.DONE)
        last = standing(session).frame
    again = replayed(tmp_path, lambda: 0.0, 1.0)
    again.command(commands.Seek(1e9))
    end = again.frame(WIDE)
    assert end.replay is not None
    assert end.replay.position_s == end.replay.length_s == pytest.approx(last.run.elapsed_s, abs=0.15)
    assert not end.replay.playing
    assert (end.run.state, end.run.done) == (RunState.DONE, 300)
    before = again.position_of(paused_at - STANDS_S)
    assert again.position_of(paused_at + STANDS_S) == pytest.approx(before, abs=0.02), "a pause takes no time"


def test_a_resume_follows_at_once_and_what_was_cut_off_is_queued_again(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(lambda key, prompt, before: [gate, *whole(prompt)])
    with started(plan(tmp_path, server, prompts(6), notes=NOTES)) as session:
        until(session, lambda frame: frame.run.in_flight == 6)
        time.sleep(0.2)
        in_flight_at = time.time()
    stopped_at = time.time()
    time.sleep(0.7)
    again_at = time.time()
    run(plan(tmp_path, Server(lambda key, prompt, before: [0.05, *whole(prompt)]), prompts(6), resume=True))
    again = replayed(tmp_path, lambda: 0.0, 1.0)
    assert again.position_of(again_at) - again.position_of(stopped_at) < 0.3
    again.command(commands.Seek(again.position_of(in_flight_at)))
    assert again.frame(WIDE).run.in_flight == 6
    again.command(commands.Seek(1e9))
    end = again.frame(WIDE)
    assert (end.run.done, end.run.attempts, sum(key.cut for key in end.keys)) == (6, 12, 6)


def test_a_run_that_stood_still_until_it_was_stopped_goes_on_with_the_time_it_was_at_work(
    tmp_path: Path,
) -> None:
    stands = threading.Event()

    def script(_key: str, _prompt: str, _before: int) -> list[Any]:
        stands.set()
        time.sleep(2.2)  # the engine, not this request alone
        return [60.0]

    with started(plan(tmp_path, Server(script), prompts(1), notes=NOTES)):
        assert stands.wait(PATIENCE_S)
    stopped_at = time.time()
    time.sleep(0.1)
    again_at = time.time()
    run(plan(tmp_path, Server(), prompts(1), resume=True))
    reader = JournalReader(tmp_path)
    _, goes_on_with = [float(row.value or 0) for row in reader.moments() if row.kind == "begun"]
    assert goes_on_with > 2.2
    again = replayed(tmp_path, lambda: 0.0, 1.0)
    assert again.position_of(again_at) == pytest.approx(again.position_of(stopped_at), abs=0.001)


def test_other_commands_say_that_nothing_is_sent(record: tuple[Path, list[Seen]]) -> None:
    session = replayed(record[0], lambda: 0.0, 1.0)
    session.command(commands.Pause())
    before = session.frame(WIDE)
    for command in (commands.RetryFailed(), commands.SetRate(9.0), commands.CancelJobs((1,))):
        session.command(command)
    after = session.frame(WIDE)
    assert len(after.notices) == 3 + len(before.notices)
    assert "nothing is sent" in after.notices[-1].text
    assert replace(after, notices=()) == replace(before, notices=())
