"""Steers a run of another process from a script: sends a command and waits until a frame shows its effect."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from llmdash.engine.model.commands import (
    Cancel,
    Command,
    Drain,
    Pause,
    Release,
    Resume,
    RetryFailed,
    SetAuto,
    SetBudget,
    SetConcurrency,
    SetRate,
)
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import JobsView, TimingView, View
from llmdash.lean_dataclass import dataclass
from llmdash.remote.addresses import not_running
from llmdash.remote.client import RemoteSession
from llmdash.reports.errors import KeptRun, error_kinds
from llmdash.reports.progress import progress_line
from llmdash.reports.summary import summary
from llmdash.reports.wording import notice_line, per_second, rate_words, staying_words
from llmdash.sanitize import clean_line

__all__ = [
    "ACTIONS",
    "Action",
    "ActionOutcome",
    "set_auto",
    "set_budget",
    "set_concurrency",
    "set_rate",
    "status_line",
    "status_of",
    "status_record",
    "steer",
]

_CONFIRMED_WITHIN_S: Final = 10.0
_BEGINS_WITHIN_S: Final = 5.0
_LOOK_S: Final = 0.02
_VIEW: Final = View(jobs=JobsView(height=0), errors=True, timings=TimingView(Grouping.KEY))

Shows = Callable[[Frame, Frame], bool]
"""(frame before, frame of now) -> whether the command has taken effect."""


@dataclass(frozen=True, slots=True)
class Action:
    """A command, and how a frame shows its effect. `ends` is True for one that may end the run."""

    command: Command
    shows: Shows
    ends: bool = False


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """What came of an action: whether it took effect, the last frame, and the notices that came meanwhile,
    with what stays out although the run ends; `refused` is why the run does not carry it out, if so.
    """

    confirmed: bool
    frame: Frame
    notices: tuple[str, ...] = ()
    refused: str = ""


def _rests(_before: Frame, now: Frame) -> bool:
    return now.run.state.ended or now.run.state in (RunState.PAUSED, RunState.DRAINING)


def _goes_on(_before: Frame, now: Frame) -> bool:
    return now.run.state.ended or now.run.state is RunState.RUNNING


def _is_not_held(_before: Frame, now: Frame) -> bool:
    return now.run.hold is None


def _tries_again(before: Frame, now: Frame) -> bool:
    failed = before.run.failed + before.run.invalid
    return not failed or now.run.failed + now.run.invalid < failed or now.run.attempts > before.run.attempts


ACTIONS: Final = {
    "pause": Action(Pause(), _rests),
    "resume": Action(Resume(), _goes_on),
    "retry-failed": Action(RetryFailed(), _tries_again),
    "release": Action(Release(), _is_not_held),
    "drain": Action(Drain(), _rests, ends=True),
    "stop": Action(Cancel(), lambda _before, _now: False, ends=True),
}
"""The actions that need no value, by name."""


def set_rate(rate: float | None) -> Action:
    """Return the action that sets the rate, in requests a second; None is unlimited."""
    return Action(SetRate(rate), lambda _before, now: now.rate.rate == rate)


def set_auto(on: bool) -> Action:
    """Return the action that finds the rate by itself, or no longer does."""
    return Action(SetAuto(on), lambda _before, now: now.rate.auto.on == on)


def set_budget(dollars: float | None) -> Action:
    """Return the action that sets what may be spent over all starts; None lifts it."""

    def shows(_before: Frame, now: Frame) -> bool:
        limit = now.run.budget
        return limit is dollars if None in (limit, dollars) else math.isclose(limit or 0.0, dollars or 0.0)

    return Action(SetBudget(dollars), shows)


def set_concurrency(concurrency: int) -> Action:
    """Return the action that sets how many requests may be in flight."""
    return Action(SetConcurrency(concurrency), lambda _before, now: now.rate.concurrency == concurrency)


def steer(folder: Path, action: Action, *, within_s: float = _CONFIRMED_WITHIN_S) -> ActionOutcome:
    """Carry out an action on the run in `folder`, and wait for its effect. Raises NotRunningError."""
    session = RemoteSession.attach(folder, watches=False)
    try:
        return _steered(session, action, time.monotonic() + within_s)
    finally:
        session.close()


def _steered(session: RemoteSession, action: Action, end: float) -> ActionOutcome:
    before = _begun(session)
    view = replace(_VIEW, notices_after=max((notice.serial for notice in before.notices), default=0))
    session.command(action.command)
    while True:
        alive = session.alive
        now = session.frame(view)
        if session.crash is not None or (not alive and not action.ends):
            raise not_running(session.folder, str(session.crash or "the run has ended meanwhile"))
        has_begun = now.run.state is not RunState.STARTING
        confirmed = not alive or (has_begun and action.shows(before, now))
        refused = next((clean_line(notice.text) for notice in now.notices if notice.refused), "")
        if confirmed or refused or time.monotonic() >= end:
            notices = [notice_line(notice) for notice in now.notices if not notice.refused]
            if action.ends and confirmed and (words := staying_words(now, session.folder)):
                notices.append(words)
            return ActionOutcome(confirmed, now, tuple(notices), refused)
        session.join(_LOOK_S)


def _begun(session: RemoteSession) -> Frame:
    """Return a frame of the run, if need be once it has begun: before that it does not say what is set."""
    end = time.monotonic() + _BEGINS_WITHIN_S
    while True:
        frame = session.frame(_VIEW)
        if frame.run.state is not RunState.STARTING or not session.alive or time.monotonic() >= end:
            return frame
        session.join(_LOOK_S)


def status_of(folder: Path) -> Frame:
    """Return a frame of the run in `folder` as it is now. Raises NotRunningError."""
    session = RemoteSession.attach(folder, watches=False)
    try:
        return _begun(session)
    finally:
        session.close()


def status_line(frame: Frame) -> str:
    """Return what a run does, and what it is set to, on one line that is safe to show."""
    rate, auto = rate_words(frame.rate.rate), frame.rate.auto
    at_once = str(frame.rate.concurrency)
    if auto.on:
        rate += " at most, auto" if auto.rate is None else f" at most, auto {per_second(auto.rate)}"
        at_once += "" if auto.at_once is None else f" at most, auto {auto.at_once}"
    return f"{progress_line(frame)}  rate {rate}, concurrency {at_once}"


def status_record(folder: Path, frame: Frame) -> dict[str, Any]:
    """Return the summary of a run so far for scripts, with its state and what it is set to."""
    return {
        **summary(frame, KeptRun(folder.absolute(), error_kinds(frame.errors, folder))),
        "state": frame.run.state.value,
        "state_detail": clean_line(frame.run.state_detail),
        "set_rate": frame.rate.rate,
        "auto": frame.rate.auto.on,
        "auto_rate": frame.rate.auto.rate,
        "concurrency": frame.rate.concurrency,
        "auto_concurrency": frame.rate.auto.at_once,
    }
