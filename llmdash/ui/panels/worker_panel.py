"""A row for each worker, in the order of joining."""

from __future__ import annotations

from dataclasses import dataclass

from llmdash.engine.model.frame import WorkerRow
from llmdash.ui.panels.worker_rows import CELLS, worker_cells, worker_columns
from llmdash.ui.tables.line_table import HEADER_LINES, LineTable
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.messages import FromWidget

__all__ = ["WorkerPanel"]


class WorkerPanel(LineTable):
    """The workers of a run. The cursor stays on its worker, even if others come or go above it.

    | Key | Does |
    |---|---|
    | enter | Show the jobs of the worker in the job table. |

    Component classes are those of `LineTable`.
    """

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a worker, or its row is clicked twice."""

        worker: WorkerRow

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(worker_columns(()), id=id)
        self._workers: tuple[WorkerRow, ...] = ()
        self._keys = 0

    @property
    def worker(self) -> WorkerRow | None:
        """The worker under the cursor."""
        return self._workers[self.cursor_row] if self.cursor_row < len(self._workers) else None

    @property
    def lines(self) -> int:
        """The lines it needs to show every worker."""
        return HEADER_LINES + len(self._workers)

    def show(self, workers: tuple[WorkerRow, ...], keys: int) -> None:
        """Show the workers of a run with that many keys; only lines that change are repainted."""
        if (workers, keys) == (self._workers, self._keys):
            return
        on = None if self.worker is None else self.worker.name
        self._workers, self._keys = workers, keys
        self.set_columns(worker_columns(workers))
        places = (at for at, row in enumerate(workers) if row.name == on)
        self.place_cursor(next(places, self.cursor_row))
        self.rows_changed()

    def row_count(self) -> int:
        return len(self._workers)

    def row_at(self, index: int) -> tuple[Cell, ...]:
        return worker_cells(self._workers[index], self._keys)

    def cell_at(self, row: tuple[Cell, ...], key: str) -> Cell:
        return row[CELLS.index(key)]

    def row_activated(self) -> None:
        if self.worker is not None:
            self.post_message(self.Chosen(self, self.worker))
