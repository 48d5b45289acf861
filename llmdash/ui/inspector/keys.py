"""The key bindings of the inspector."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual.binding import BindingType

from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.usual_keys import FOCUS_KEYS, HELP_KEY, HIDDEN_PALETTE_KEY, LEAVE_KEY, rate_keys

__all__ = ["INSPECTOR_KEYS"]

_STEP_KEYS: Final = Binding.Group("Step")

INSPECTOR_KEYS: Final[list[BindingType]] = [
    Binding("escape", "dismiss", "Back", tooltip="To the dashboard"),
    Binding("p,left", "step(-1)", "Previous", group=_STEP_KEYS, tooltip="The job above in the table"),
    Binding("n,right", "step(1)", "Next", group=_STEP_KEYS, tooltip="The job below in the table"),
    Binding("r", "retry", "Retry", tooltip="Queue this job again"),
    Binding("c", "copy('answer')", "Copy answer", tooltip="The text that is shown, to the clipboard"),
    Binding("y", "copy('prompt')", "Copy prompt", tooltip="Every message, to the clipboard"),
    Binding("u", "copy('curl')", "Copy as curl", tooltip="The request as a command; $API_KEY is the key"),
    Binding("j", "copy('row')", "Copy row", show=False, tooltip="The result as JSON, to the clipboard"),
    Binding("a", "copy('attempts')", "Copy attempts", show=False, tooltip="With request ids, as text"),
    Binding("v", "view", "$PAGER", tooltip="What has the focus, in your pager"),
    Binding("E,e", "edit", "$EDITOR", show=False, tooltip="What has the focus, in your editor"),
    Binding("m", "panels('markdown')", "Markdown", tooltip="The answer rendered, or as it came"),
    Binding("D", "panels('difference')", "Difference", tooltip="Between the chosen attempt and the answer"),
    Binding("space", "panels('play')", "Play", show=False, tooltip="The answer again at its own pace"),
    Binding("b", "panels('bars')", "Bars", show=False, tooltip="| behind each chunk, on or off"),
    Binding("t", "panels('times')", "Gap times", show=False, tooltip="What stands below the bars"),
    Binding(
        "h", "panels('headers')", "Headers", show=False, tooltip="All headers and the body of the request"
    ),
    Binding("x", "cancel_job", "Cancel", show=False, tooltip="End this job without an answer"),
    *(replace(key, show=False) for key in rate_keys("nudge")),
    *FOCUS_KEYS,
    HIDDEN_PALETTE_KEY,
    HELP_KEY,
    replace(LEAVE_KEY, show=False),
]
"""The actions available anywhere in the inspector; key bar, help and palette list them in this order."""
