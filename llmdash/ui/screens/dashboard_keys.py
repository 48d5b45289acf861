"""The key bindings of the dashboard, and the keys that sort the job table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.binding import Binding, BindingType

from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState, SortColumn

__all__ = ["DASHBOARD_KEYS", "HELD", "SORT_KEYS", "pause_names", "workers_name"]

HELD: Final = (RunState.PAUSED, RunState.DRAINING, RunState.STOPPED)
"""The states in which `p` resumes."""

SORT_KEYS: Final = {
    SortColumn.NEWEST: "N",
    SortColumn.NUMBER: "number_sign",
    SortColumn.ID: "J",
    SortColumn.STATE: "S",
    SortColumn.KEY: "K",
    SortColumn.TRIES: "Y",
    SortColumn.WAIT: "W",
    SortColumn.TTFT: "F",
    SortColumn.TIME: "T",
    SortColumn.OUT: "O",
}
"""The key that sorts by a column."""

_RATE_KEYS = Binding.Group("Rate")


def pause_names(run: RunPart) -> Mapping[str, str]:
    """Return what the action of `p` is called in this state of the run."""
    return {"toggle_pause": "Resume"} if run.state in HELD else {}


def workers_name(frame: Frame) -> Mapping[str, str]:
    """Return what the action of `m` is called: nothing in a run without workers."""
    return {} if frame.workers or frame.cluster else {"workers": ""}


def _sort_key(column: SortColumn, key: str) -> Binding:
    tooltip = "Press again to reverse the order"
    return Binding(key, f"sort({column.name!r})", f"Sort by {column.value}", show=False, tooltip=tooltip)


DASHBOARD_KEYS: Final[list[BindingType]] = [
    Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
    Binding("minus", "nudge_rate(-1)", "Slower", group=_RATE_KEYS, tooltip="Lower the rate by a step"),
    Binding(
        "plus,equals_sign", "nudge_rate(1)", "Faster", group=_RATE_KEYS, tooltip="Raise the rate by a step"
    ),
    Binding("enter", "inspect", "Inspect", tooltip="Show the job under the cursor in full"),
    Binding("slash", "filter", "Filter", tooltip="Show only some jobs"),
    Binding("r", "jobs('retry')", "Retry", tooltip="Queue the marked jobs, or this one, again"),
    Binding("f", "jobs('follow')", "Follow", tooltip="Keep to the newest jobs"),
    Binding("e", "errors", "Errors", tooltip="Failed requests, grouped by kind of error"),
    Binding("g", "graphs", "Graphs", tooltip="The whole run as graphs"),
    Binding("m", "workers", "Workers", tooltip="The workers that make the attempts, one by one"),
    Binding("s", "jobs('sort_next')", "Sort", tooltip="Sort by the next column"),
    Binding("w", "tile", "Wall", tooltip="All streams in flight, side by side"),
    Binding("x", "jobs('cancel')", "Cancel", tooltip="End the marked jobs, or this one"),
    Binding("D", "drain", "Drain", tooltip="Finish what is in flight, then stop; asks first"),
    Binding("X", "stop_now", "Stop now", show=False, tooltip="Cut off what is in flight; it stays pending"),
    Binding("R", "retry_failed", "Retry failed", show=False, tooltip="Queue every failed job again"),
    Binding("exclamation_mark", "alerts", "Alerts", show=False, tooltip="What blocks the run, in full"),
    Binding("escape", "clear", "Clear", show=False, tooltip="Close the filter or drop the marks"),
    Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Move the focus on"),
    Binding("shift+tab", "app.focus_previous", "Previous panel", show=False, tooltip="Move the focus back"),
    Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
    Binding("question_mark", "help", "Help", tooltip="Every key"),
    Binding("ctrl+z", "app.suspend_process", "Suspend", show=False, tooltip="Back to the shell; fg goes on"),
    Binding("q", "app.quit", "Quit", tooltip="Leave at once"),
    Binding("i", "jobs('reverse')", "Reverse", show=False, tooltip="Reverse order"),
    *(_sort_key(column, key) for column, key in SORT_KEYS.items()),
]
"""The actions available anywhere on the dashboard; key bar, help and palette list them in this order."""
