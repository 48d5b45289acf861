"""LeaveScreen: what becomes of a run when its dashboard is left."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, key_hints

__all__ = ["LeaveChoice", "LeaveScreen"]


class LeaveChoice(enum.Enum):
    """What becomes of the run."""

    STOP = "stop"
    LEAVE = "leave"
    STAY = "stay"


class LeaveScreen(ModalScreen[LeaveChoice], SteadyScreen[LeaveChoice]):
    """Asks over the dashboard whether the run stops or goes on; dismissed with the choice.

    | Key | Does |
    |---|---|
    | enter | Stops the run; it can be resumed. |
    | l | Leaves the run running. |
    | escape, q | Goes on watching. |
    """

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose('STOP')", "Stop the run"),
        Binding("l", "choose('LEAVE')", "Leave it running"),
        Binding("escape,q", "choose('STAY')", "Go on watching"),
    ]

    def __init__(self, stays: str = "") -> None:
        """`stays` says what stays with providers, and how to come back to it."""
        super().__init__()
        self._stays = stays

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm") as box:
            box.border_title = Content("Leave the run?")
            box.border_subtitle = Content(
                key_hints(
                    chosen_by(self),
                    ("stop-the-run", "⏎", "stop"),
                    ("leave-it-running", "l", "leave running"),
                    ("go-on-watching", "esc", "stay"),
                    between="   ",
                )
            )
            yield Static(
                Content(
                    "Stop: nothing new is sent, and the run can be resumed.\n"
                    "Leave it running: it goes on without a screen; llmdash attach shows it."
                    + (f"\n{clean_line(self._stays)}" if self._stays else "")
                ),
                markup=False,
            )
        yield KeyBar()

    def action_choose(self, choice: str) -> None:
        """Dismiss with the choice of that name."""
        self.dismiss(LeaveChoice[choice])
