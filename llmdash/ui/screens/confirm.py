"""ConfirmScreen: a question before an action that cannot be undone."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, in_chosen_keys, key_hints

__all__ = ["ConfirmScreen"]


class ConfirmScreen(ModalScreen[bool], SteadyScreen[bool]):
    """Asks one question over the dashboard; dismissed with the answer. Only `y` is a yes.

    | Key | Does |
    |---|---|
    | y | Yes. |
    | n, escape, q | No. |
    """

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Confirm"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm") as box:
            box.border_title = Content(self._question)
            box.border_subtitle = Content(
                key_hints(chosen_by(self), ("yes", "y", "yes"), ("no", "n", "no"), between="   ")
            )
            yield Static(Content(in_chosen_keys(self._consequence, chosen_by(self))), markup=False)
        yield KeyBar()
