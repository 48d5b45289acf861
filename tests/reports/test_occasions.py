"""When the user is told: once an occasion, at most one a minute, and not of what he did himself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import Alert, Frame, RunPart, Score
from llmdash.engine.model.states import BY_COMMAND, AlertKind, RunState
from llmdash.reports.occasions import EVERY_S, Occasion, Occasions, occasion_of, occasion_words
from tests.reports.fakes import HOSTILE, RUNNING, at


def of_state(
    state: RunState, *, attempts: int = 5, detail: str = "", alert: AlertKind | None = None
) -> Frame:
    alerts = () if alert is None else (Alert(alert, "something holds it up"),)
    run = RunPart(name="run", state=state, state_detail=detail, jobs=10, done=10, attempts=attempts)
    return Frame(run=run, alerts=alerts)


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("frame", "occasion"),
    [
        (of_state(RunState.DONE), Occasion.DONE),
        (of_state(RunState.STOPPED, detail="the journal cannot be written"), Occasion.STOPPED),
        (of_state(RunState.STOPPED, detail="held by a trial", alert=AlertKind.TRIAL), Occasion.HELD),
        (of_state(RunState.STOPPED, detail=BY_COMMAND), None),
        (of_state(RunState.STOPPED, detail=BY_COMMAND, alert=AlertKind.KEYS_GONE), None),
        (of_state(RunState.PAUSED, alert=AlertKind.KILL_SWITCH), Occasion.STOPPED),
        (of_state(RunState.PAUSED, alert=AlertKind.KEYS_GONE), Occasion.STOPPED),
        (of_state(RunState.RUNNING, alert=AlertKind.DISK), Occasion.STOPPED),
        (of_state(RunState.RUNNING, alert=AlertKind.BUDGET), Occasion.HELD),
        (of_state(RunState.RUNNING, alert=AlertKind.KEYS_REST), None),
        (of_state(RunState.PAUSED), None),
        (of_state(RunState.DRAINING), None),
    ],
)
def test_an_occasion_is_what_waits_for_the_user_and_is_not_by_him(
    frame: Frame, occasion: Occasion | None
) -> None:
    assert occasion_of(frame) is occasion


def test_an_occasion_is_reported_once() -> None:
    occasions = Occasions(Clock())
    assert occasions.look(of_state(RunState.RUNNING, attempts=1)) is None
    assert occasions.look(of_state(RunState.DONE)) is Occasion.DONE
    assert occasions.look(of_state(RunState.DONE)) is None


def test_a_run_that_is_found_done_is_no_news() -> None:
    occasions = Occasions(Clock())
    assert occasions.look(of_state(RunState.DONE)) is None
    occasions.look(of_state(RunState.RUNNING))
    assert occasions.look(of_state(RunState.DONE, attempts=7)) is Occasion.DONE


def test_a_run_that_starts_and_has_nothing_to_do_is_no_news() -> None:
    occasions = Occasions(Clock())
    occasions.look(of_state(RunState.STARTING, attempts=0))
    assert occasions.look(of_state(RunState.DONE)) is None


def test_a_second_occasion_waits_for_the_minute_to_end() -> None:
    clock = Clock()
    occasions = Occasions(clock)
    occasions.look(of_state(RunState.RUNNING, attempts=1))
    assert occasions.look(of_state(RunState.PAUSED, alert=AlertKind.KILL_SWITCH)) is Occasion.STOPPED
    occasions.look(of_state(RunState.RUNNING, attempts=6))
    clock.now = EVERY_S / 2
    assert occasions.look(of_state(RunState.DONE, attempts=9)) is None
    clock.now = EVERY_S
    assert occasions.look(of_state(RunState.DONE, attempts=9)) is Occasion.DONE


def test_an_occasion_that_passes_within_the_minute_is_dropped() -> None:
    clock = Clock()
    occasions = Occasions(clock)
    occasions.look(of_state(RunState.RUNNING, attempts=1))
    occasions.look(of_state(RunState.DONE))
    occasions.look(of_state(RunState.RUNNING))
    occasions.look(of_state(RunState.DONE, attempts=8))
    occasions.look(of_state(RunState.RUNNING, attempts=9))
    clock.now = 2 * EVERY_S
    assert occasions.look(of_state(RunState.RUNNING, attempts=9)) is None


def test_the_words_name_the_run_and_what_came_of_it() -> None:
    frame = at(98, state=RunState.DONE, failed=2)
    run = replace(frame.run, score=Score(right=97, not_equal=1), cost=0.5)
    assert (
        occasion_words(Occasion.DONE, replace(frame, run=run))
        == "run is done: 98 of 100, 2 failed, 99.0% right, $0.5000"
    )
    assert occasion_words(Occasion.DONE, replace(frame, run=replace(run, cost_is_most=True))).endswith(
        "≤$0.5000"
    )
    stopped = of_state(RunState.PAUSED, alert=AlertKind.DISK)
    assert occasion_words(Occasion.STOPPED, stopped) == "run has stopped: something holds it up"
    held = of_state(RunState.STOPPED, detail="held")
    assert occasion_words(Occasion.HELD, held) == "run is held: held"


def test_the_words_are_safe_to_show() -> None:
    run = replace(RUNNING.run, name=HOSTILE, state_detail=HOSTILE)
    words = occasion_words(Occasion.STOPPED, Frame(run=run, alerts=(Alert(AlertKind.DISK, HOSTILE),)))
    assert words.isprintable()
