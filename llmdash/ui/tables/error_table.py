"""The failed jobs of a run, a row for each kind of error, the most frequent on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

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
    | r | Retry all of them. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Show jobs", tooltip="Filter the job table to this group"),
        Binding("r", "retry", "Retry group", tooltip="Queue all jobs of this group again"),
    ]

    @dataclass
    class Retry(FromWidget):
        """Posted when the user retries the jobs of a group."""

        group: ErrorGroup

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a group, or its row is clicked twice."""

        group: ErrorGroup

    @dataclass
    class Moved(FromWidget):
        """Posted when another group is under the cursor."""

    def __init__(self, title: str = "Errors", *, id: str | None = None) -> None:
        super().__init__(
            (
                Column("count", "jobs", 7, "right"),
                Column("tries", "tries", 7, "right", priority=2),
                Column("name", "what", 20, flex=1),
                Column("keys", "keys", 18, priority=3),
                Column("example", "such as", 9, "right", priority=1),
            ),
            id=id,
        )
        self._groups: tuple[ErrorGroup, ...] = ()
        self._on: str | None = None
        self._about = title
        self.show(())

    @property
    def group(self) -> ErrorGroup | None:
        """The group under the cursor."""
        return self._groups[self.cursor_row] if self.cursor_row < len(self._groups) else None

    def show(self, groups: tuple[ErrorGroup, ...]) -> None:
        """Show these groups; only lines that change are repainted."""
        jobs = sum(group.jobs for group in groups)
        kinds = counted(len(groups), "kind of error", "kinds of error")
        self.set_title(f"{self._about} · {counted(jobs, 'job')}, {kinds}" if groups else self._about)
        if groups == self._groups:
            return
        self._groups = groups
        places = (at for at, group in enumerate(groups) if group.words == self._on)
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
            return Cell(count(group.jobs), "line-table--error")
        if key == "tries":
            return Cell(count(group.tries) if group.tries else "–", "line-table--muted")
        if key == "keys":
            return Cell(", ".join(f"{key} {count(jobs)}" for key, jobs in group.keys), "line-table--muted")
        if key == "example":
            return Cell(f"#{group.examples[0] + 1}", "line-table--muted")
        return Cell(group.words)

    def cursor_moved(self) -> None:
        self._name_cursor()

    def row_activated(self) -> None:
        if self.group is not None:
            self.post_message(self.Chosen(self, self.group))

    def action_retry(self) -> None:
        if self.group is not None:
            self.post_message(self.Retry(self, self.group))

    def _name_cursor(self) -> None:
        name = None if self.group is None else self.group.words
        if name != self._on:
            self._on = name
            self.post_message(self.Moved(self))
