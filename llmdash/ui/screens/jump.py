"""A letter on each panel of the screen below; pressing one moves the focus there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from string import ascii_lowercase
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.errors import NoWidget
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.keymap import widget_title

__all__ = ["JumpScreen", "letters_for"]


def letters_for(titles: Sequence[str]) -> list[str]:
    """Return a letter for each title: the first one of the title that no earlier one has, else any.

    >>> letters_for(["Job table", "Key panel", "Slider", "Slider", "Stream pane"])
    ['j', 'k', 's', 'l', 't']
    """
    taken: list[str] = []
    for title in titles:
        wanted = [letter for letter in title.lower() if letter in ascii_lowercase]
        free = (letter for letter in (*wanted, *ascii_lowercase) if letter not in taken)
        taken.append(next(free, ""))
    return taken


class JumpLetter(Static):
    """The letter of a panel, drawn at its upper left, before the title that a border has there."""

    def __init__(self, letter: str, target: Widget, place: Offset) -> None:
        is_rule = bool(target.styles.border_top[0]) and not target.styles.border_left[0]
        words = f"{letter} " if is_rule else f" {letter} "
        super().__init__(Content(words), markup=False)
        self.styles.width = len(words)
        self.letter = letter
        self.target = target
        self.styles.offset = (place.x, place.y)


class JumpScreen(ModalScreen[None], SteadyScreen[None]):
    """Lies over `below` until a letter is pressed or clicked, or esc."""

    CSS_PATH = Path(__file__).with_name("jump.tcss")
    TITLE = "Jump"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "dismiss", "Back", show=False, tooltip="The focus stays where it is")
    ]
    DEFAULT_CSS = """
    JumpScreen { layers: letters; }
    JumpScreen > JumpLetter {
        layer: letters; position: absolute; height: 1;
        background: $accent; color: $background; text-style: bold;
    }
    """

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below
        places = dict(_in_sight(below))
        letters = letters_for([widget_title(each) for each in places])
        self._letters = [
            JumpLetter(letter, target, place)
            for (target, place), letter in zip(places.items(), letters, strict=True)
            if letter
        ]

    def compose(self) -> ComposeResult:
        return iter(self._letters)

    def on_key(self, event: events.Key) -> None:
        """A letter counts as soon as it is typed, before it is painted."""
        target = next((each.target for each in self._letters if each.letter == event.key), None)
        if target is not None:
            event.stop()
            self._go(target)

    def on_click(self, event: events.Click) -> None:
        """A click on a letter is as good as pressing it; one beside it leaves."""
        event.stop()
        if isinstance(event.widget, JumpLetter):
            self._go(event.widget.target)
        else:
            self.dismiss()

    def on_resize(self, event: events.Resize) -> None:
        """The panels are elsewhere now."""
        if event.size != self._below.size:
            self.dismiss()

    def _go(self, target: Widget) -> None:
        self.dismiss()
        self._below.set_focus(target)


def _in_sight(screen: Screen[Any]) -> Iterator[tuple[Widget, Offset]]:
    """What can have the focus and is in sight, and where that begins."""
    for each in screen.focus_chain:
        with suppress(NoWidget):  # it has no place yet
            if region := screen.find_widget(each).visible_region:
                yield each, region.offset
