"""The key bindings of the home screen."""

from __future__ import annotations

from typing import Final

from textual.binding import BindingType

from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import HELP_KEY, JUMP_KEY, PALETTE_KEY

__all__ = ["HOME_KEYS"]

HOME_KEYS: Final[list[BindingType]] = [
    Binding("enter", "start", "Start", tooltip="Start the run with what is chosen"),
    # With priority, so that what is typed right after it is of the next field.
    Binding("tab", "app.focus_next", "Next field", priority=True),
    Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
    # With priority, so that they go over the sliders too, and change no value on the way.
    Binding(
        "down",
        "field('next')",
        "Next field",
        id="field-down",
        show=False,
        priority=True,
        tooltip="In the form",
    ),
    Binding(
        "up",
        "field('previous')",
        "Field before",
        id="field-up",
        show=False,
        priority=True,
        tooltip="In the form",
    ),
    Binding("n", "new_run", "New run", tooltip="Go to the form of a new run"),
    Binding("slash", "find_file", "Find a file", tooltip="Search this folder and below for prompts"),
    Binding("h", "kept", "Runs kept", tooltip="Go to the kept runs"),
    Binding("v", "check_keys", "Check keys", tooltip="Try each key by one small call"),
    JUMP_KEY,
    PALETTE_KEY,
    HELP_KEY,
    Binding("escape", "app.quit", "Leave", tooltip="Leave; nothing was sent", id="leave-home"),
]
