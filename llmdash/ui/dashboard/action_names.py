"""What the actions of the dashboard are called in a state of the run: nothing where they have no use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmdash.engine.model.commands import Resume
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import AlertKind
from llmdash.ui.dashboard.steering import pause_or_resume

__all__ = [
    "URGENT",
    "action_names",
    "bar_names",
    "can_change",
    "explanations",
    "hold_of",
    "names_of_app",
    "pause_names",
    "shown_as",
    "stopped_to_ask",
]

_OF_REPLAY: Final = ("replay_seek(-5)", "replay_seek(5)", "replay_speed(-1)", "replay_speed(1)")

_AT_WORK: Final = (
    *("toggle_pause", "nudge_rate(-1)", "nudge_rate(1)", "jobs('follow')", "tile", "jobs('cancel')"),
    "drain",
)
"""Actions that have no use once the run has ended."""

_OF_RUN_AT_WORK: Final = (
    *("nudge_rate(-1)", "nudge_rate(1)", "toggle_auto", "release", "raise_budget"),
    *("retry_failed", "jobs('retry')", "jobs('cancel')", "drain", "stop_now"),
    "send_batches",
)
"""Actions that change a run."""

_OF_HOLDS: Final = {"release": (HoldKind.TRIAL, HoldKind.BATCHES), "raise_budget": (HoldKind.BUDGET,)}
"""Actions that end a hold, and of which kinds."""


def action_names(frame: Frame, of_app: Mapping[str, str]) -> Mapping[str, str]:
    """Return the names that differ from those of the bindings; `of_app` has those of the app's actions."""
    return {
        **pause_names(frame),
        **_replay_names(frame),
        **_workers_name(frame),
        **_batches_name(frame),
        **_kept_names(frame),
        **_app_names(frame, of_app),
        **({} if can_change(frame, of_app) else {"change_run": ""}),
    }


def names_of_app(*, writes: bool, holds_run: bool | None) -> Mapping[str, str]:
    """Return what the app's actions are called, where that is not what they are called at first: one that
    `writes` no results does not offer it, and one that did not begin at home (None for `holds_run`), or only
    shows what is kept there, begins no new run.
    """
    names = {} if writes else {"app.write_results": ""}
    if not holds_run:
        names["app.go_home"] = ""
    return names if holds_run is not False else {**names, "app.quit": "Home"}


def stopped_to_ask(frame: Frame) -> bool:
    """Return True while a run was stopped because too many requests were refused."""
    return any(alert.kind is AlertKind.KILL_SWITCH for alert in frame.alerts)


def can_change(frame: Frame, of_app: Mapping[str, str]) -> bool:
    """Return True where a run that was stopped to ask can be changed, which is done at home."""
    return "app.go_home" not in of_app and stopped_to_ask(frame)


def bar_names(frame: Frame, names: Mapping[str, str]) -> Mapping[str, str]:
    """Return `names` for the key bar: there, what has no use in this state of the run has no name either."""
    states = {"app.write_results": ""} if stopped_to_ask(frame) else _state_names(frame.run)
    return {**states, **_hold_names(frame.run), **names}


def pause_names(frame: Frame) -> Mapping[str, str]:
    """Return what the action of `p` is called in this state of the run, or of its replay: nothing where a
    trial or a budget holds the run, so that nothing new is sent anyway.
    """
    if isinstance(pause_or_resume(frame), Resume):
        return {"toggle_pause": "Go on" if frame.replay is None else "Play"}
    return {} if frame.replay is not None or hold_of(frame.run) is None else {"toggle_pause": ""}


def explanations(frame: Frame) -> Mapping[str, str]:
    """Return what the help says of actions, where that is not what their bindings say."""
    return {} if frame.replay is None else {"toggle_pause": "Stop the replay; press again to play on"}


def shown_as(frame: Frame) -> str:
    """Return what is shown where that is not a run at work."""
    return "replay" if frame.replay is not None else "kept run" if frame.kept else ""


URGENT: Final[Mapping[str, Callable[[Frame, Mapping[str, str]], bool]]] = {
    "raise_budget": lambda frame, _of_app: hold_of(frame.run) is HoldKind.BUDGET,
    "change_run": can_change,
}
"""Actions whose keys go before those of a panel, and when; else these are what they are elsewhere."""


def hold_of(run: RunPart) -> HoldKind | None:
    """Return what holds the run, None where nothing does."""
    return None if run.hold is None else run.hold.kind


def _replay_names(frame: Frame) -> Mapping[str, str]:
    return {} if frame.replay is not None else dict.fromkeys(_OF_REPLAY, "")


def _workers_name(frame: Frame) -> Mapping[str, str]:
    return {} if frame.workers or frame.cluster else {"open('workers')": ""}


def _batches_name(frame: Frame) -> Mapping[str, str]:
    return {} if frame.batches else {"open('batches')": ""}


def _kept_names(frame: Frame) -> Mapping[str, str]:
    names = dict.fromkeys(_OF_RUN_AT_WORK if shown_as(frame) else (), "")
    return {**names, "toggle_pause": ""} if frame.kept else names


def _app_names(frame: Frame, of_app: Mapping[str, str]) -> Mapping[str, str]:
    """As `of_app` says; and none leaves a run that goes on unasked."""
    goes_on = frame.replay is None and not frame.run.state.ended
    return {**of_app, "app.go_home": ""} if goes_on else of_app


def _state_names(run: RunPart) -> Mapping[str, str]:
    if run.state.ended:
        return dict.fromkeys(_AT_WORK if run.failed + run.invalid else (*_AT_WORK, "retry_failed"), "")
    return {"retry_failed": "", "app.write_results": ""}


def _hold_names(run: RunPart) -> Mapping[str, str]:
    return {action: "" for action, kinds in _OF_HOLDS.items() if hold_of(run) not in kinds}
