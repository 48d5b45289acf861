"""FieldLine: a line of the form, its label before its fields."""

from __future__ import annotations

from typing import Final

from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

__all__ = ["LABEL_CELLS", "FieldLine"]

LABEL_CELLS: Final = 12
"""Cells before the first field."""


class FieldLine(Horizontal):
    """Fields side by side. The line draws its label itself: a widget more a line would be late to appear."""

    DEFAULT_CSS = "FieldLine { height: 1; }"

    def __init__(self, label: str, *fields: Widget) -> None:
        fields[0].styles.margin = (0, 0, 0, LABEL_CELLS)
        super().__init__(*fields)
        self._label = Content.styled(label, "$foreground-muted")

    def render(self) -> Content:
        return self._label
