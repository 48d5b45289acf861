"""The field for the path of a file, which takes what a terminal pastes when a file is dropped on it."""

from __future__ import annotations

from textual.events import Paste

from llmdash.ui.home.field import Field
from llmdash.ui.text.pasted import pasted_paths

__all__ = ["PathField"]


class PathField(Field):
    """A field of one path. What is pasted takes the place of what was there, if it is a whole path."""

    def on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        self.take(event.text)

    def take(self, text: str) -> None:
        """Take the first path of a pasted text."""
        paths = pasted_paths(text)
        if not paths:
            return
        if paths[0].startswith(("/", "~")):
            self.value = paths[0]
            self.cursor_position = len(self.value)
        else:
            self.replace(paths[0], *self.selection)
        if len(paths) > 1:
            self.notify(
                f"{len(paths)} files were pasted, and a run reads one: the first is taken", markup=False
            )
