"""FullTable: a table that is shown whole where there is room."""

from __future__ import annotations

from llmdash.ui.tables.line_table import LineTable

__all__ = ["FullTable"]


class FullTable(LineTable):
    """A table that says how many lines it needs to show every row."""

    @property
    def lines(self) -> int:
        """The lines it needs."""
        return self.HEAD_LINES + self.row_count()
