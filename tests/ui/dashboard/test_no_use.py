"""A key that can do nothing now says why, in each state of a run and of what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from llmdash.engine.model.forecast import Hold, HoldKind
from llmdash.engine.model.frame import Frame, ReplayPart, RunPart, WorkerRow
from llmdash.engine.model.states import RunState, WorkerState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.dashboard.no_use import no_use, no_use_of
from llmdash.ui.tables.job_table import NO_JOB
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.waiting import picture, until

RUNNING = Frame(
    run=RunPart(jobs=10, failed=1, state=RunState.RUNNING),
    workers=(WorkerRow("w", "h", WorkerState.WORKING),),
)
DONE = replace(RUNNING, run=replace(RUNNING.run, state=RunState.DONE))
KEPT = replace(DONE, kept=True)
MIDDLE = ReplayPart(position_s=5.0, length_s=9.0, speed=10.0, playing=True)
REPLAY = replace(RUNNING, replay=MIDDLE)
OF_RUN = ("toggle_pause", "nudge_rate", "drain", "stop_now", "retry_failed", "tile", "open('workers')")


def held(kind: HoldKind) -> Frame:
    return replace(RUNNING, run=replace(RUNNING.run, hold=Hold(kind, "said")))


@pytest.mark.parametrize("action", [*OF_RUN, "open('errors')", "filter"])
def test_what_can_be_done_to_a_run_at_work_is_done(action: str) -> None:
    assert no_use(action, RUNNING) == ""


@pytest.mark.parametrize("action", ["toggle_pause", "nudge_rate", "drain", "stop_now", "tile"])
def test_of_a_run_that_has_ended_nothing_goes_on(action: str) -> None:
    assert no_use(action, DONE).startswith("The run has ended: ")


@pytest.mark.parametrize("frame", [RUNNING, DONE, KEPT, REPLAY])
def test_without_a_failed_job_none_is_tried_again(frame: Frame) -> None:
    assert no_use("retry_failed", frame) == ""
    well = replace(frame, run=replace(frame.run, failed=0))
    assert no_use("retry_failed", well) == "No job has failed: there is nothing to try again"
    assert no_use("retry_failed", replace(well, run=replace(well.run, invalid=2))) == ""


@pytest.mark.parametrize("frame", [KEPT, REPLAY])
def test_what_is_not_at_work_has_nothing_in_flight_and_answers_other_commands_itself(frame: Frame) -> None:
    for action in ("drain", "stop_now"):
        assert no_use(action, frame).endswith("nothing is in flight")
    for action in ("toggle_pause", "nudge_rate", "retry_failed", "release"):
        assert no_use(action, frame) == ""


def test_only_what_holds_the_run_is_ended() -> None:
    assert no_use("release", held(HoldKind.TRIAL)) == ""
    assert no_use("release", held(HoldKind.BATCHES)) == ""
    assert no_use("raise_budget", held(HoldKind.BUDGET)) == ""
    assert no_use("release", held(HoldKind.BUDGET)).startswith("No trial holds the run")
    assert no_use("raise_budget", held(HoldKind.TRIAL)).startswith("No budget holds the run")


def test_of_an_action_as_it_is_bound_its_parameter_counts() -> None:
    at_end = replace(REPLAY, replay=replace(MIDDLE, position_s=9.0))
    assert no_use_of("replay_seek(5)", at_end).endswith("at its end")
    assert no_use_of("replay_seek(-5)", at_end) == ""
    assert "no workers" in no_use_of("open('workers')", replace(RUNNING, workers=()))


def test_a_run_without_workers_says_so() -> None:
    assert "no workers" in no_use("open('workers')", replace(RUNNING, workers=()))


@pytest.mark.parametrize(
    ("action", "step", "replay", "says"),
    [
        ("replay_seek", -5, MIDDLE, ""),
        ("replay_seek", 5, MIDDLE, ""),
        ("replay_seek", -5, replace(MIDDLE, position_s=0.0), "beginning"),
        ("replay_seek", 5, replace(MIDDLE, position_s=0.0), ""),
        ("replay_seek", 5, replace(MIDDLE, position_s=9.0), "end"),
        ("replay_speed", 1, MIDDLE, ""),
        ("replay_speed", 1, replace(MIDDLE, speed=1000.0), "1,000x is the highest"),
        ("replay_speed", -1, replace(MIDDLE, speed=1.0), "1x is the lowest"),
        ("replay_speed", 1, None, "no replay"),
        ("replay_seek", 5, None, "no replay"),
    ],
)
def test_a_replay_says_where_it_can_go_no_further(
    action: str, step: int, replay: ReplayPart | None, says: str
) -> None:
    words = no_use(action, replace(RUNNING, replay=replay), step)
    assert says in words and bool(says) is bool(words)


PRESSED = {
    "R": "No job has failed", "u": "No trial holds", "m": "no workers",
    "less_than_sign": "no replay", "full_stop": "no replay", "n": "did not begin at home",
    "p": "has ended", "minus": "has ended", "plus": "has ended", "D": "has ended", "X": "has ended",
    "w": "has ended", "x": "cannot be cancelled",
}  # fmt: skip


def toasted(app: LlmdashApp, words: str) -> bool:
    return any(words in each.message for each in app._notifications)


async def test_pressed_keys_send_nothing_and_say_why() -> None:
    session = FakeSession(clock=lambda: 700.0, scene=Scene(jobs=30, state=RunState.DONE))
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)
        await picture(pilot, session)
        for key, says in PRESSED.items():
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, partial(toasted, app, says))
        assert session.commands == []


async def test_without_a_job_there_is_none_to_act_on() -> None:
    session = FakeSession(clock=lambda: 0.0)
    app = LlmdashApp(session=session)
    async with app.run_test(size=(120, 36)) as pilot:
        await picture(pilot, session)
        for key in ("enter", "space", "r", "x"):
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, partial(toasted, app, NO_JOB))
        assert session.commands == []
