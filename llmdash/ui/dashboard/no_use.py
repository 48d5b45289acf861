"""Why an action of the dashboard can do nothing now, in words for whoever presses its key all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from llmdash.engine.model.commands import Pause
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame
from llmdash.ui.dashboard.action_names import hold_of
from llmdash.ui.dashboard.steering import pause_or_resume
from llmdash.ui.panels.replay_bar import speed_beside

__all__ = ["no_use", "no_use_of"]

_STEPPED: Final = re.compile(r"(\w+)\((-?\d+)\)")
_NO_REPLAY: Final = "This is no replay: it can be neither sped up nor taken back"


def no_use(action: str, frame: Frame, step: int = 0) -> str:
    """Return why an action of that name can do nothing in a state of the run; empty if it can do something,
    or if the session itself says why not. `step` is the parameter of an action that goes one way or the
    other.
    """
    reason = _REASONS.get(action)
    return "" if reason is None else reason(frame, step)


def no_use_of(bound: str, frame: Frame) -> str:
    """Return the same of an action as it is bound, with its parameter: `nudge_rate(-1)`."""
    stepped = _STEPPED.fullmatch(bound)
    return no_use(bound, frame) if stepped is None else no_use(stepped[1], frame, int(stepped[2]))


def _is_live(frame: Frame) -> bool:
    """False for a kept run and a replay: these answer a command by a notice."""
    return not frame.kept and frame.replay is None


def _ended(frame: Frame, _step: int) -> str:
    """Why a run that has ended is not changed."""
    ended = _is_live(frame) and frame.run.state.ended
    return "The run has ended: nothing is sent any more" if ended else ""


def _nothing_to_pause(frame: Frame, step: int) -> str:
    return _ended(frame, step) if isinstance(pause_or_resume(frame), Pause) else ""


def _nothing_in_flight(frame: Frame, step: int) -> str:
    """Why nothing is to be ended."""
    if frame.replay is not None:
        return "This is a replay: nothing is in flight"
    return "This run is kept, and not at work: nothing is in flight" if frame.kept else _ended(frame, step)


def _none_failed(frame: Frame, _step: int) -> str:
    return "" if frame.run.failed + frame.run.invalid else "No job has failed: there is nothing to try again"


def _no_streams(frame: Frame, _step: int) -> str:
    return "The run has ended: no answer streams in" if frame.run.state.ended else ""


def _no_trial(frame: Frame, _step: int) -> str:
    held = not _is_live(frame) or hold_of(frame.run) in (HoldKind.TRIAL, HoldKind.BATCHES)
    return "" if held else "No trial holds the run: there is nothing to release"


def _no_budget(frame: Frame, _step: int) -> str:
    held = hold_of(frame.run) is HoldKind.BUDGET
    return "" if held else "No budget holds the run: there is none to raise"


def _no_workers(frame: Frame, _step: int) -> str:
    return "" if frame.workers or frame.cluster else "This run has no workers: it makes its requests itself"


def _no_batches(frame: Frame, _step: int) -> str:
    if frame.batches or (_is_live(frame) and not frame.run.state.ended):
        return ""
    return "Nothing of this run was sent in a batch"


def _nothing_to_batch(frame: Frame, _step: int) -> str:
    if not _is_live(frame):
        return "This run is not at work: nothing of it is sent"
    if frame.run.state.ended:
        return "The run has ended: nothing is sent any more"
    return "" if frame.run.queued else "No job is pending: there is nothing to send in batches"


def _nowhere_to_seek(frame: Frame, step: int) -> str:
    replay = frame.replay
    if replay is None:
        return _NO_REPLAY
    if step < 0:
        return "" if replay.position_s > 0 else "The replay is at its beginning"
    return "" if replay.position_s < replay.length_s else "The replay is at its end"


def _no_other_speed(frame: Frame, step: int) -> str:
    replay = frame.replay
    if replay is None:
        return _NO_REPLAY
    word = "highest" if step > 0 else "lowest"
    is_last = speed_beside(replay.speed, step) == replay.speed
    return f"{replay.speed:,g}x is the {word} speed of a replay" if is_last else ""


_REASONS: Final[Mapping[str, Callable[[Frame, int], str]]] = {
    "toggle_pause": _nothing_to_pause,
    "nudge_rate": _ended,
    "toggle_auto": _ended,
    "drain": _nothing_in_flight,
    "stop_now": _nothing_in_flight,
    "retry_failed": _none_failed,
    "tile": _no_streams,
    "release": _no_trial,
    "raise_budget": _no_budget,
    "open('workers')": _no_workers,
    "open('batches')": _no_batches,
    "send_batches": _nothing_to_batch,
    "replay_seek": _nowhere_to_seek,
    "replay_speed": _no_other_speed,
}
