"""A field whose placeholder is as long as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.widgets import Input

__all__ = ["Field"]


class Field(Input):
    """An input of one line that shows the first of its placeholders that fits, else the last: none is cut
    while there is a shorter one.
    """

    def __init__(
        self, value: str, placeholders: Sequence[str], *, id: str | None = None, classes: str = ""
    ) -> None:
        """`placeholders` are from long to short, at least one."""
        super().__init__(value, placeholder=placeholders[0], id=id, classes=classes, compact=True)
        self._placeholders = tuple(placeholders)

    def on_resize(self) -> None:
        room = self.content_size.width
        fitting = (words for words in self._placeholders if cell_len(words) <= room)
        self.placeholder = next(fitting, self._placeholders[-1])
