"""From what the user wants to commands, and which of those are asked about."""

from __future__ import annotations

import pytest
from textual.message import Message

from llmdash.engine.model.commands import Cancel, Command, Drain, Pause, Resume, SetConcurrency, SetRate
from llmdash.engine.model.frame import EMPTY_FRAME, Frame, RatePart, ReplayPart, RunPart
from llmdash.engine.model.states import RunState
from llmdash.ui.dashboard.steering import command_of, confirmation_before, pause_or_resume


def frame_of(state: RunState, replay: ReplayPart | None = None) -> Frame:
    return Frame(run=RunPart(state=state, in_flight=64), rate=RatePart(concurrency=512), replay=replay)


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (RunState.RUNNING, Pause()),
        (RunState.PAUSED, Resume()),
        (RunState.DRAINING, Resume()),
        (RunState.STOPPED, Resume()),
        (RunState.DONE, Pause()),
    ],
)
def test_the_run_is_paused_or_else_resumed(state: RunState, command: Command) -> None:
    assert pause_or_resume(frame_of(state)) == command


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.DONE])
def test_a_replay_is_paused_and_played_whatever_the_state_of_the_run_in_it(state: RunState) -> None:
    playing = ReplayPart(position_s=1.0, length_s=9.0, speed=1.0, playing=True)
    stopped = ReplayPart(position_s=1.0, length_s=9.0, speed=1.0, playing=False)
    assert pause_or_resume(frame_of(state, playing)) == Pause()
    assert pause_or_resume(frame_of(state, stopped)) == Resume()


def test_a_drain_and_the_end_of_the_rate_limit_are_asked_about_with_what_they_would_do() -> None:
    drain = confirmation_before(Drain(), frame_of(RunState.RUNNING))
    unlimited = confirmation_before(SetRate(None), frame_of(RunState.RUNNING))
    assert drain is not None and "64 requests in flight may finish" in drain.consequence
    assert unlimited is not None and "512 requests in flight" in unlimited.consequence


@pytest.mark.parametrize("command", [SetRate(1000.0), SetConcurrency(512), Pause(), Cancel()])
def test_nothing_else_is_asked_about(command: Command) -> None:
    assert confirmation_before(command, frame_of(RunState.RUNNING)) is None


def test_a_message_that_is_no_command_is_refused() -> None:
    with pytest.raises(KeyError):
        command_of(Message(), EMPTY_FRAME)
