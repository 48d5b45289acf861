"""The rows of jobs that are known, as they are drawn: columns, cells, the header and the summary below it."""

from __future__ import annotations

from typing import Any, Final

from textual.geometry import Region

from llmdash.ui.charts.bar_scale import BarScale
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_cells import ShownJob, cell
from llmdash.ui.tables.job_layout import JobLayout
from llmdash.ui.tables.job_order import JobOrder
from llmdash.ui.tables.job_summary import SummaryRow
from llmdash.ui.tables.job_window import JobWindow
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.marked_jobs import MarkedJobs
from llmdash.ui.tables.row_painter import HEADER, Cell

__all__ = ["JobGrid"]

_SUMMARY_LINE: Final = 1
_NOTHING_SENT: Final = "Nothing was sent yet; # shows the jobs in the order of the input"


class JobGrid(LineTable):
    """Draws the jobs that are known, in columns that can be chosen; the row below the header sums up what
    waits, or what came of the jobs.
    """

    HEAD_LINES = 2

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        self._shape = JobLayout()
        super().__init__(self._shape.columns(0), name=name, id=id, classes=classes)
        self._known = JobWindow()
        self._order = JobOrder()
        self._marks = MarkedJobs()
        self._summary = SummaryRow()
        self._scale = BarScale()

    @property
    def marked(self) -> frozenset[int]:
        """The numbers of the marked jobs."""
        return frozenset(self._marks)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns that are wanted, from left to right."""
        return self._shape.names(self.line_width)

    @property
    def usual_columns(self) -> tuple[str, ...]:
        """The names of the columns where none were chosen."""
        return self._shape.usual(self.line_width)

    @property
    def known_columns(self) -> tuple[str, ...]:
        """The names of all columns that can be chosen."""
        return self._shape.others(self._known.part.fields)

    @property
    def is_complete(self) -> bool:
        """True if every row on screen is known; an empty table lacks the first one."""
        last = min(self.top + self.page_rows, self.row_count())
        return last > self.top and self._known.knows((self.top, last - 1))

    # What LineTable calls.

    def row_count(self) -> int:
        return self._known.part.matched

    def row_at(self, index: int) -> ShownJob | None:
        row = self._known.row(index)
        if row is None:
            return None
        return ShownJob(
            row,
            row.job in self._marks,
            index == self.cursor_row and self._summary.chosen is None,
            self._scale.seconds,
            self._shape.texts(self.line_width),
            self._shape.is_streamed,
        )

    def cell_at(self, row: Any, key: str) -> Cell:
        return cell(row, key, self.column_width(key))

    def is_marked(self, row: Any) -> bool:
        return bool(row.marked)

    def hint(self) -> str:
        part = self._known.part
        if part.hint:
            return f" {part.hint}"
        return f" {_NOTHING_SENT}" if part.total and not self._order.filter else ""

    def head_line(self, y: int, width: int) -> list[Cell]:
        return self._summary.pieces(width)

    def title_of(self, column: Column) -> Cell:
        title = column.title_in(self.column_width(column.key))
        if column.key == "bar":
            title = self._shape.bar_title(self._scale.seconds)
        if column.key != self._order.shown_by:
            return Cell(title, HEADER)
        between = " " if len(title) + 2 <= self.column_width(column.key) else ""
        return Cell(f"{title}{between}{self._order.arrow}", "line-table--sorted")

    def _fit_columns(self) -> None:
        self.set_columns(self._shape.fit(self._known).columns(self.line_width))

    def _repaint_summary(self) -> None:
        self.refresh(Region(0, _SUMMARY_LINE, self.scrollable_content_region.width, 1))
