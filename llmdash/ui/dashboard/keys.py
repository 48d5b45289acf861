"""The key bindings of the dashboard, and the keys that sort the job table."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

from llmdash.engine.model.states import SortColumn

__all__ = ["DASHBOARD_KEYS", "SORT_KEYS"]

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
    SortColumn.WRONG: "E",
}
"""The key that sorts by a column."""

_RATE_KEYS = Binding.Group("Rate")
_SEEK_KEYS = Binding.Group("Seek")
_SPEED_KEYS = Binding.Group("Speed")


def _sort_key(column: SortColumn, key: str) -> Binding:
    tooltip = "Press again to reverse the order"
    return Binding(key, f"sort({column.name!r})", f"Sort by {column.value}", show=False, tooltip=tooltip)


DASHBOARD_KEYS: Final[list[BindingType]] = [
    Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to resume"),
    Binding("minus", "nudge_rate(-1)", "Slower", group=_RATE_KEYS, tooltip="Lower the rate by a step"),
    Binding(
        "plus,equals_sign", "nudge_rate(1)", "Faster", group=_RATE_KEYS, tooltip="Raise the rate by a step"
    ),
    Binding(
        "a",
        "toggle_auto",
        "Auto rate",
        show=False,
        tooltip="Find the rate by itself, up to the set one; press again to stop",
    ),
    Binding("u", "release", "Release", tooltip="After a trial: run the rest"),
    Binding(
        "b", "raise_budget", "Budget", priority=True, tooltip="At the budget: allow the run to spend more"
    ),
    Binding("b", "keep_budget", show=False),  # where nothing else has a use for it
    Binding("less_than_sign", "replay_seek(-5)", "Back", group=_SEEK_KEYS, tooltip="A twentieth back"),
    Binding("greater_than_sign", "replay_seek(5)", "On", group=_SEEK_KEYS, tooltip="A twentieth on"),
    Binding("comma", "replay_speed(-1)", "Slower", group=_SPEED_KEYS, tooltip="Replay at a lower speed"),
    Binding("full_stop", "replay_speed(1)", "Faster", group=_SPEED_KEYS, tooltip="Replay at a higher speed"),
    Binding("enter", "inspect", "Inspect", tooltip="Show the job under the cursor in full"),
    Binding("slash", "filter", "Filter", tooltip="Show only some jobs"),
    Binding("R", "retry_failed", "Retry failed", tooltip="Queue every failed job again"),
    Binding("o", "app.write_results", "Results", tooltip="Write the results so far into a file here"),
    Binding("n", "app.go_home", "New run", tooltip="Home: the runs that are kept, and a new one"),
    Binding("r", "jobs('retry')", "Retry", tooltip="Queue the marked jobs, or this one, again"),
    Binding("f", "jobs('follow')", "Follow", tooltip="Keep to the newest jobs"),
    Binding("e", "open('errors')", "Errors", tooltip="Failed requests, grouped by kind of error"),
    Binding("g", "open('graphs')", "Graphs", tooltip="The whole run as graphs"),
    Binding("m", "open('workers')", "Workers", tooltip="The workers that make the attempts, one by one"),
    Binding("s", "jobs('sort_next')", "Sort", tooltip="Sort by the next column"),
    Binding("w", "tile", "Wall", tooltip="All streams in flight, side by side"),
    Binding("x", "jobs('cancel')", "Cancel", tooltip="End the marked jobs, or this one"),
    Binding("D", "drain", "Drain", tooltip="Finish what is in flight, then stop; asks first"),
    Binding("X", "stop_now", "Stop now", show=False, tooltip="Cut off what is in flight; it stays pending"),
    Binding(
        "exclamation_mark", "open('alerts')", "Alerts", show=False, tooltip="What blocks the run, in full"
    ),
    Binding("escape", "clear", "Clear", show=False, tooltip="Close the filter or drop the marks"),
    Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Move the focus on"),
    Binding("shift+tab", "app.focus_previous", "Previous panel", show=False, tooltip="Move the focus back"),
    Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
    Binding("question_mark", "help", "Help", tooltip="Every key"),
    Binding("ctrl+z", "app.suspend_process", "Suspend", show=False, tooltip="Back to the shell; fg goes on"),
    Binding("q", "app.quit", "Quit", tooltip="Leave; asks about a run that goes on"),
    Binding("i", "jobs('reverse')", "Reverse", show=False, tooltip="Reverse order"),
    *(_sort_key(column, key) for column, key in SORT_KEYS.items()),
]
"""The actions available anywhere on the dashboard; key bar, help and palette list them in this order."""
