"""The table of groups of errors on a screen that binds their keys itself, in an order of its own."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from llmdash.ui.tables.error_table import ErrorTable
from llmdash.ui.tables.line_table import LineTable

__all__ = ["GroupTable"]


class GroupTable(ErrorTable, inherit_bindings=False):
    """An `ErrorTable` that has only the keys that move its cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        each for each in LineTable.BINDINGS if isinstance(each, Binding) and each.key != "enter"
    ]
