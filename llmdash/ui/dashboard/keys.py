"""The key bindings of the dashboard, and the keys that sort the job table."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual.binding import BindingType

from llmdash.engine.model.states import SortColumn
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import (
    FOCUS_KEYS,
    HELP_KEY,
    JUMP_KEY,
    LEAVE_KEY,
    OPENING_KEYS,
    PALETTE_KEY,
    rate_keys,
)

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

_SEEK_KEYS = Binding.Group("Seek")
_SPEED_KEYS = Binding.Group("Speed")


def _sort_key(column: SortColumn, key: str) -> Binding:
    tooltip = "Press again to reverse the order"
    return Binding(key, f"sort({column.name!r})", f"Sort by {column.value}", show=False, tooltip=tooltip)


DASHBOARD_KEYS: Final[list[BindingType]] = [
    Binding(
        "u",
        "release",
        "Release",
        tooltip="Run the rest after a trial, or what no batch takes",
    ),
    Binding(
        "b", "raise_budget", "Budget", priority=True, tooltip="At the budget: allow the run to spend more"
    ),
    Binding(
        "c",
        "change_run",
        "Change it",
        id="change",
        priority=True,
        tooltip="After too many refusals: stop the run, and change at home what was wrong",
    ),
    Binding(
        "b",
        "stream('toggle_marks')",
        "Bars",
        show=False,
        id="stream-bars",
        tooltip="| behind each chunk, on or off",
    ),
    Binding(
        "t",
        "stream('next_ruler')",
        "Gap times",
        show=False,
        id="stream-gaps",
        tooltip="Gaps as heights, in milliseconds, or not",
    ),
    Binding(
        "less_than_sign",
        "replay_seek(-5)",
        "Back",
        group=_SEEK_KEYS,
        tooltip="A twentieth back",
        id="replay-back",
    ),
    Binding(
        "greater_than_sign",
        "replay_seek(5)",
        "On",
        group=_SEEK_KEYS,
        tooltip="A twentieth on",
        id="replay-on",
    ),
    Binding(
        "comma",
        "replay_speed(-1)",
        "Slower",
        group=_SPEED_KEYS,
        tooltip="Replay at a lower speed",
        id="replay-slower",
    ),
    Binding(
        "full_stop",
        "replay_speed(1)",
        "Faster",
        group=_SPEED_KEYS,
        tooltip="Replay at a higher speed",
        id="replay-faster",
    ),
    Binding("enter", "inspect", "Inspect", tooltip="Show the job under the cursor in full"),
    Binding("slash", "filter", "Filter", tooltip="Show only some jobs"),
    Binding("s", "jobs('sort_next')", "Sort", tooltip="Sort by the next column"),
    Binding("r", "jobs('retry')", "Retry", tooltip="Queue the marked jobs, or this one, again"),
    Binding("x", "jobs('cancel')", "Cancel", tooltip="End the marked jobs, or this one"),
    Binding("f", "jobs('follow')", "Follow", tooltip="Keep to the newest jobs"),
    Binding("i", "jobs('reverse')", "Reverse", show=False, tooltip="Reverse order"),
    Binding("colon", "jump", "Go to job", show=False, tooltip="Go to a job by its id or number"),
    Binding("C", "columns", "Columns", tooltip="Choose and order the columns of the job table"),
    Binding("M", "jobs('show_marked')", "Show marked", show=False, tooltip="Show the marked jobs alone"),
    Binding(
        "c", "jobs('copy_ids')", "Copy id", show=False, tooltip="Copy the ids of the marked jobs, or this one"
    ),
    Binding("R", "retry_failed", "Retry failed", tooltip="Queue every failed job again"),
    Binding(
        "o", "app.write_results", "Results", tooltip="Write results so far, or of marked jobs, into a file"
    ),
    Binding("n", "app.go_home", "New run", tooltip="Home: the runs that are kept, and a new one"),
    Binding("p", "toggle_pause", "Pause", tooltip="Send nothing new; press again to go on"),
    *rate_keys("nudge_rate"),
    Binding(
        "a",
        "toggle_auto",
        "Auto rate",
        show=False,
        tooltip="Find the rate by itself, up to the set one; press again to stop",
    ),
    *OPENING_KEYS,
    Binding("G", "open('figures')", "Figures", show=False, tooltip="Percentiles by key, endpoint and model"),
    Binding("m", "open('workers')", "Workers", tooltip="The workers that make the attempts, one by one"),
    Binding("h", "open('batches')", "Batches", tooltip="The batches that are with providers, one by one"),
    Binding(
        "B",
        "send_batches",
        "Send batch",
        show=False,
        id="send-in-batches",
        tooltip="Send what is pending, or the marked jobs, in batches",
    ),
    Binding("w", "tile", "Wall", tooltip="All streams in flight, side by side"),
    Binding("D", "drain", "Drain", tooltip="Finish what is in flight, then stop; asks first"),
    Binding("X", "stop_now", "Stop now", show=False, tooltip="Cut off what is in flight; it stays pending"),
    Binding(
        "exclamation_mark", "open('alerts')", "Alerts", show=False, tooltip="What blocks the run, in full"
    ),
    Binding(
        "escape", "clear", "Clear", show=False, tooltip="Close the filter, drop the marks, leave the wall"
    ),
    *FOCUS_KEYS,
    replace(JUMP_KEY, tooltip="A letter on each panel: press one to go there"),
    PALETTE_KEY,
    HELP_KEY,
    Binding("ctrl+z", "app.suspend_process", "Suspend", show=False, tooltip="Back to the shell; fg goes on"),
    LEAVE_KEY,
    *(_sort_key(column, key) for column, key in SORT_KEYS.items()),
]
"""The actions available anywhere on the dashboard; key bar, help and palette list them in this order."""
