"""The first line of the home screen: its name, and at the right what there is."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from llmdash.engine.model.counts import counted

__all__ = ["TitleLine"]

_NAME_WIDTH: Final = 20
"""Cells that the line needs for the name."""


class TitleLine(Horizontal):
    """Names the screen and counts what was found; where it is narrow, only that nothing is sent."""

    DEFAULT_CSS = """
    TitleLine {
        height: 1;
        padding: 0 1;
        & > #title-name { width: 1fr; }
        & > #home-title { width: auto; color: $foreground-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._runs = self._keys = 0
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble(("llmdash", "bold $primary"), "   home"), id="title-name")
        yield Static(id="home-title", markup=False)

    def show(self, *, runs: int | None = None, keys: int | None = None) -> None:
        """Show the number of kept runs, or of keys; None for what it is already."""
        self._runs = self._runs if runs is None else runs
        self._keys = self._keys if keys is None else keys
        self._write()

    def on_resize(self) -> None:
        self._write()

    def _write(self) -> None:
        parts = [f"{counted(self._runs, 'run')} kept", f"{counted(self._keys, 'key')} found"]
        parts.append("nothing is sent before Enter")
        while parts and len(" · ".join(parts)) > self.app.size.width - _NAME_WIDTH:
            del parts[0]
        said = " · ".join(parts)
        if said != self._said:
            self._said = said
            self.query_one("#home-title", Static).update(Content(said))
