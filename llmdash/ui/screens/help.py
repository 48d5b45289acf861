"""Every key, read from the bindings of the screen below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmdash.ui.text.keymap import KeyEntry

__all__ = ["HelpScreen"]


class HelpScreen(ModalScreen[None]):
    """A list of keys over the dashboard, which keeps updating behind it."""

    TITLE = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Back"),
    ]

    def __init__(self, groups: Sequence[tuple[str, Sequence[KeyEntry]]]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        everything = [entry for _title, entries in self._groups for entry in entries]
        keys = max((cell_len(entry.glyphs) for entry in everything), default=0)
        names = max((cell_len(entry.name) for entry in everything), default=0)
        with VerticalScroll(id="help") as box:
            box.border_title = Content("Keys")
            box.border_subtitle = Content("esc closes")
            for title, entries in self._groups:
                yield Static(Content(title), classes="help-title", markup=False)
                lines = [_line(entry, keys, names) for entry in entries]
                yield Static(Content("\n").join(lines), classes="help-keys", markup=False)


def _line(entry: KeyEntry, keys: int, names: int) -> Content:
    """Keys, name and what it does, the first two padded to `keys` and `names` cells."""
    return Content.assemble(
        (_padded(entry.glyphs, keys + 2), "bold $accent"),
        _padded(entry.name, names + 2),
        (entry.help, "$foreground-muted"),
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
