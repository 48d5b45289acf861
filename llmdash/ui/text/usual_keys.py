"""The keys that are the same on screens of a run: where they are bound, they are these."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = [
    "FOCUS_KEYS",
    "HELP_KEY",
    "HIDDEN_LEAVE_KEY",
    "HIDDEN_PALETTE_KEY",
    "JUMP_KEY",
    "LEAVE_KEY",
    "OPENING_KEYS",
    "PALETTE_KEY",
    "rate_keys",
]

_RATE_KEYS: Final = Binding.Group("Rate")

FOCUS_KEYS: Final = (
    Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Move the focus on"),
    Binding("shift+tab", "app.focus_previous", "Previous panel", show=False, tooltip="Move the focus back"),
)
PALETTE_KEY: Final = Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name")
HIDDEN_PALETTE_KEY: Final = replace(PALETTE_KEY, show=False)
"""The same where the key bar has no room for it; so below."""
OPENING_KEYS: Final = (
    Binding("e", "open('errors')", "Errors", tooltip="Failed requests, grouped by kind of error"),
    Binding("g", "open('graphs')", "Graphs", tooltip="The whole run as graphs"),
)
HELP_KEY: Final = Binding("question_mark", "help", "Help", tooltip="Every key, the glyphs, and the manual")
JUMP_KEY: Final = Binding(
    "ctrl+o", "app.jump", "Jump", show=False, priority=True, tooltip="A letter on each field and panel"
)
"""With priority, so that a letter typed right after it is that of a panel."""
LEAVE_KEY: Final = Binding(
    "q", "app.quit", "Leave", tooltip="Leave; asks about a run that goes on", id="quit"
)
HIDDEN_LEAVE_KEY: Final = replace(LEAVE_KEY, show=False)


def rate_keys(action: str) -> tuple[Binding, Binding]:
    """Return the keys that run an action with -1 for a lower rate and 1 for a higher one."""
    return (
        Binding("minus", f"{action}(-1)", "Slower", group=_RATE_KEYS, tooltip="Lower the rate by a step"),
        Binding(
            "plus,equals_sign", f"{action}(1)", "Faster", group=_RATE_KEYS, tooltip="Raise the rate by a step"
        ),
    )
