"""The line in which the job table's filter is typed."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.highlighter import Highlighter
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["FilterBar"]

_TERMS: Final = re.compile(r'[^\s"]*"[^"]*"?|\S+')
"""A term: in quotes it may have blanks."""


class _WrongTerm(Highlighter):
    """Underlines the term that a `problem` begins with, where it is typed."""

    def __init__(self, widget: Widget) -> None:
        self.problem = ""
        self._widget = widget

    def highlight(self, text: Text) -> None:
        for term in _TERMS.finditer(text.plain):
            if self.problem.startswith(f"{term[0]}: "):
                style = self._widget.get_component_rich_style("filter-bar--wrong", partial=True)
                text.stylize(style, *term.span())


class FilterBar(Vertical):
    """A `/` and the filter; below it how its last term can go on, or what is wrong. Hidden until opened.

    | Key | Does |
    |---|---|
    | tab | Takes the first way in which the last term can go on; without one, back to the table. |
    | up, down, enter | Back to the table; the filter stays. |
    | escape | Shows every job again. |

    | Component class | Styles |
    |---|---|
    | `filter-bar--wrong` | The term that is not understood. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"filter-bar--wrong"}

    DEFAULT_CSS = """
    FilterBar { background: $panel; padding: 0 1; display: none; }
    FilterBar.-open { display: block; }
    FilterBar > Horizontal { height: 1; }
    FilterBar #slash { width: 2; color: $accent; text-style: bold; }
    FilterBar #problem { width: 1fr; height: 1fr; color: $text-muted; }
    FilterBar.-wrong #problem { color: $text-error; }
    FilterBar > .filter-bar--wrong { color: $text-error; text-style: underline; }
    FilterBar Input, FilterBar Input:focus { width: 1fr; background: $panel; background-tint: $panel 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close the filter", tooltip="Show every job again"),
        Binding("down,up", "leave", "Back to the table", tooltip="The filter stays"),
        Binding("tab", "complete", "Complete", tooltip="Take the first of the ways to go on"),
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
        self._completions: tuple[str, ...] = ()
        self._wrong_term = _WrongTerm(self)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label("/", id="slash", markup=False)
            yield Input(placeholder=self._placeholder, compact=True, highlighter=self._wrong_term)
        yield Label("", id="problem", markup=False)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def open(self) -> None:
        """Show the line and give it the focus."""
        self.add_class("-open")
        self.screen.set_focus(self._input)  # now: what is typed after this key may have come with it

    def open_with(self, text: str) -> None:
        """Show the line with `text` in it, as if that had been typed."""
        self.add_class("-open")
        self._input.value = text

    def close(self) -> None:
        """Clear the filter and hide the line."""
        self.remove_class("-open")
        self._input.value = ""
        self.post_message(self.Left())

    @property
    def typed(self) -> str:
        """The term that is being typed; empty while none is."""
        text = self._input.value if self.is_open and self._input.has_focus else ""
        ends = {term.end(): term[0] for term in _TERMS.finditer(text)}
        return ends.get(len(text), "")

    def show(self, problem: str, completions: tuple[str, ...] = ()) -> None:
        """Show what is wrong with the filter, or else how its last term can go on."""
        shown = (problem, () if problem and not completions else completions)
        if shown == (self._problem, self._completions):
            return
        before = self.lines(self.size.width)
        self._wrong_term.problem = problem
        self._input.refresh()
        self._problem, self._completions = shown
        words = f"tab {'   '.join(completions)}" if completions else problem
        self.set_class(bool(problem) and not completions, "-wrong")
        self.query_one("#problem", Label).update(Content(clean_line(words)))
        if self.lines(self.size.width) != before:
            self.refresh(layout=True)

    def lines(self, width: int) -> int:
        """Return the lines it needs in `width` cells: one for the text, one for how it goes on, and a second
        one if it takes that to say what is wrong with it.
        """
        room = max(1, width - 2)
        return 1 + max(1, min(2, -(-cell_len(self._problem) // room)))

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def action_close(self) -> None:
        self.close()

    def action_complete(self) -> None:
        typed = self.typed
        if not (typed and self._completions):
            self.action_leave()
            return
        first = self._completions[0]
        self._input.value = self._input.value.removesuffix(typed) + first
        self._input.action_end()

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
