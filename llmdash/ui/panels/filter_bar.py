"""The line in which the job table's filter is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label

from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["FilterBar"]


class FilterBar(Vertical):
    """A `/` and the filter, and below it what is wrong with it. Hidden until it is opened."""

    DEFAULT_CSS = """
    FilterBar { background: $panel; padding: 0 1; display: none; }
    FilterBar.-open { display: block; }
    FilterBar > Horizontal { height: 1; }
    FilterBar #slash { width: 2; color: $accent; text-style: bold; }
    FilterBar #problem { width: 1fr; height: 1fr; color: $error; }
    FilterBar Input, FilterBar Input:focus { width: 1fr; background: $panel; background-tint: $panel 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close the filter", tooltip="Show every job again"),
        Binding("down,up,tab", "leave", "Back to the table", tooltip="The filter stays"),
    ]

    @dataclass
    class Changed(Message):
        """Posted when the filter changed; an empty text shows all jobs."""

        text: str

    class Left(Message):
        """Posted when the focus should go back to the table."""

    def __init__(
        self, *, id: str | None = None, placeholder: str = "state:failed key:a1f2 time>2s text"
    ) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label("/", id="slash", markup=False)
            yield Input(placeholder=self._placeholder, compact=True)
        yield Label("", id="problem", markup=False)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def open(self) -> None:
        """Show the line and give it the focus."""
        self.add_class("-open")
        self._input.focus()

    def open_with(self, text: str) -> None:
        """Show the line with `text` in it, as if that had been typed."""
        self.add_class("-open")
        self._input.value = text

    def close(self) -> None:
        """Clear the filter and hide the line."""
        self.remove_class("-open")
        self._input.value = ""
        self.post_message(self.Left())

    def show(self, problem: str) -> None:
        """Show what is wrong with the filter; an empty text shows nothing."""
        if problem != self._problem:
            self._problem = problem
            self.query_one("#problem", Label).update(Content(problem))
            self.refresh(layout=True)

    def lines(self, width: int) -> int:
        """Return the lines it needs in `width` cells: one for the text, and up to two for what is wrong with
        it.
        """
        room = max(1, width - 2)
        return 1 + min(2, -(-cell_len(self._problem) // room))

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def action_close(self) -> None:
        self.close()

    def action_leave(self) -> None:
        self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self.post_message(self.Left())
        else:
            self.close()
