"""EntryScreen: asks for one line of text over another screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, key_hints

__all__ = ["EntryScreen"]


class EntryScreen(ModalScreen[str | None], SteadyScreen[str | None]):
    """A field for one line under a question; dismissed with what was typed, or None. `problem_of` returns
    what is wrong with a text, empty where nothing is.

    | Key | Does |
    |---|---|
    | enter | Takes what was typed, if nothing is wrong with it. |
    | escape | Leaves it as it is. |
    """

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Entry"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Take it", tooltip="If nothing is wrong with it"),
        Binding("escape", "dismiss", "As it was", tooltip="Nothing is changed"),
    ]

    def __init__(self, question: str, said: str, placeholder: str, problem_of: Callable[[str], str]) -> None:
        super().__init__()
        self._question, self._said, self._placeholder = question, said, placeholder
        self._problem_of = problem_of

    def compose(self) -> ComposeResult:
        with Vertical(id="entry-box") as box:
            box.border_title = Content(clean_line(self._question))
            box.border_subtitle = Content(
                key_hints(
                    chosen_by(self),
                    ("take-it", "⏎", "takes it"),
                    ("as-it-was", "esc", "leaves it"),
                    between="   ",
                )
            )
            yield Static(Content("\n".join(map(clean_line, self._said.splitlines()))), markup=False)
            yield Input(placeholder=self._placeholder, compact=True)
            yield Static(id="entry-problem", markup=False)
        yield KeyBar()

    async def action_enter(self) -> None:
        await self.query_one(Input).action_submit()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if problem := self._problem_of(text):
            self.query_one("#entry-problem", Static).update(Content(clean_line(problem)))
        else:
            self.dismiss(text)
