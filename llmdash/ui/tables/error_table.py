"""The failed jobs of a run, a row for each kind of error, the most frequent on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import ErrorGroup
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.format import count
from llmdash.ui.text.messages import FromWidget

__all__ = ["ErrorTable"]


class ErrorTable(LineTable):
    """Groups of failed jobs. The cursor stays on its group, even if the order changes.

    | Key | Does |
    |---|---|
    | enter | Show the jobs of the group in the job table. |

    Component classes are those of `LineTable`.
    """

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a group, or its row is clicked twice."""

        group: ErrorGroup

    @dataclass
    class Moved(FromWidget):
        """Posted when another group is under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            (
                Column("count", "jobs", 9, "right"),
                Column("name", "error", 20, flex=1),
                Column("example", "such as", 9, "right", priority=1),
            ),
            id=id,
        )
        self._groups: tuple[ErrorGroup, ...] = ()
        self._on: str | None = None
        self.show(())

    @property
    def group(self) -> ErrorGroup | None:
        """The group under the cursor."""
        return self._groups[self.cursor_row] if self.cursor_row < len(self._groups) else None

    def show(self, groups: tuple[ErrorGroup, ...]) -> None:
        """Show these groups; only lines that change are repainted."""
        jobs = sum(group.count for group in groups)
        kinds = counted(len(groups), "kind of error", "kinds of error")
        self.set_title(f"Errors · {counted(jobs, 'job')}, {kinds}" if groups else "Errors")
        if groups == self._groups:
            return
        self._groups = groups
        places = (at for at, group in enumerate(groups) if group.name == self._on)
        self.place_cursor(next(places, self.cursor_row))
        self._name_cursor()
        self.rows_changed()

    def row_count(self) -> int:
        return len(self._groups)

    def row_at(self, index: int) -> ErrorGroup | None:
        return self._groups[index]

    def cell_at(self, row: Any, key: str) -> Cell:
        group: ErrorGroup = row
        if key == "count":
            return Cell(count(group.count), "line-table--error")
        if key == "example":
            return Cell(f"#{group.example + 1}", "line-table--muted")
        return Cell(group.name)

    def cursor_moved(self) -> None:
        self._name_cursor()

    def row_activated(self) -> None:
        if self.group is not None:
            self.post_message(self.Chosen(self, self.group))

    def _name_cursor(self) -> None:
        name = None if self.group is None else self.group.name
        if name != self._on:
            self._on = name
            self.post_message(self.Moved(self))
