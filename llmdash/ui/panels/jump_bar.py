"""The line in which a job to go to is named."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label

from llmdash.engine.model.frame import JobsPart
from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["JumpBar"]


class JumpBar(Horizontal):
    """A `:` and the id or the number of a job, which is found as it is typed. Hidden until it is opened.

    | Key | Does |
    |---|---|
    | enter | Goes to the job that was found. |
    | escape | Closes the line. |
    """

    DEFAULT_CSS = """
    JumpBar { background: $panel; padding: 0 1; height: 1; display: none; }
    JumpBar.-open { display: block; }
    JumpBar #colon { width: 2; color: $accent; text-style: bold; }
    JumpBar #jump-to { width: auto; color: $text-muted; }
    JumpBar Input, JumpBar Input:focus { width: 1fr; background: $panel; background-tint: $panel 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False, tooltip="Stay where you are"),
    ]

    @dataclass
    class Changed(Message):
        """Posted when another job is looked for, or (an empty text) none any more."""

        text: str

    @dataclass
    class Chosen(Message):
        """Posted when the user goes to a job."""

        job: int

    class Left(Message):
        """Posted when the focus should go back to the table."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._found: int | None = None
        self._found_for = ""
        self._goes = False
        """True once enter was pressed, until the job is found."""

    def compose(self) -> ComposeResult:
        yield Label(":", id="colon", markup=False)
        yield Input(placeholder="id or number of a job", compact=True)
        yield Label("", id="jump-to", markup=False)

    @property
    def wanted(self) -> str:
        """What to look for; empty while the line is closed."""
        return self._input.value.strip() if self.has_class("-open") else ""

    def open(self) -> None:
        """Show the line, empty, and give it the focus."""
        self._goes = False
        self._input.value = ""
        self.add_class("-open")
        self.screen.set_focus(self._input)  # now: what is typed after this key may have come with it

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("-open")
        self.post_message(self.Left())

    def show(self, part: JobsPart) -> None:
        """Show what was found, and go there if that was asked for."""
        if not self.wanted:
            return
        self._found, self._found_for = part.found, part.found_for
        is_known = self._found_for == self.wanted
        words = "" if is_known and self._found is not None else "no such job" if is_known else "looking…"
        if is_known and self._found is not None:
            words = f"#{self._found + 1:,}"
        self.query_one("#jump-to", Label).update(Content(clean_line(words)))
        if self._goes and is_known:
            self._go()

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def action_close(self) -> None:
        self.close()

    def _go(self) -> None:
        self._goes = False
        if self._found is not None:
            self.post_message(self.Chosen(self._found))
            self.close()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._goes = False
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.wanted:
            self.close()
        elif self._found_for == self.wanted:
            self._go()
        else:
            self._goes = True
