"""A row for each worker, in the order of joining."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import BindingType

from llmdash.engine.model.commands import DrainWorker, TakeWorker
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.states import WorkerState
from llmdash.lean_dataclass import dataclass
from llmdash.ui.panels.worker_rows import CELLS, worker_cells, worker_columns
from llmdash.ui.tables.full_table import FullTable
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.format import by_words
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder
from llmdash.ui.text.worker_words import filter_for, sentences, workers_counts

__all__ = ["WorkerPanel"]

CORNERS: Final = 6
"""Cells of the lower border that hold no text."""
_DRAINED: Final = (WorkerState.DRAINING, WorkerState.DRAINED)


class WorkerPanel(FullTable):
    """The workers of a run. The cursor stays on its worker, even if others come or go above it.

    | Key | Does |
    |---|---|
    | enter, l | Show the jobs of the worker in the job table. |
    | d | Drain the worker: it gets nothing new. |
    | u | Take a drained worker again. |

    Its border, if it has one, says how many work, and the most severe of what is to be said of them.

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l", "activate", "Its jobs", tooltip="Filter the job table to this worker"),
        Binding("d", "drain", "Drain worker", tooltip="Give this worker nothing new"),
        Binding("u", "take_again", "Take again", tooltip="Give a drained worker work again"),
    ]

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a worker, or its row is clicked twice."""

        filter: str
        """Matches its jobs."""

    @dataclass
    class Steered(FromWidget):
        """Posted when the user drains a worker, or takes it again."""

        command: DrainWorker | TakeWorker

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(worker_columns(()), id=id)
        self._workers: tuple[WorkerRow, ...] = ()
        self._keys = 0
        self._cluster = ""
        self._payment = PAID
        self._counts = ""
        self._border = PanelBorder(self, "Workers")

    @property
    def worker(self) -> WorkerRow | None:
        """The worker under the cursor."""
        return self._workers[self.cursor_row] if self.cursor_row < len(self._workers) else None

    def show(
        self, workers: tuple[WorkerRow, ...], keys: int, cluster: str = "", payment: Payment = PAID
    ) -> None:
        """Show the workers of a run with that many keys; only lines that change are repainted."""
        shown = (self._workers, self._keys, self._cluster, self._payment)
        if (workers, keys, cluster, payment) == shown:
            return
        on = None if self.worker is None else self.worker.name
        self._workers, self._keys, self._cluster, self._payment = workers, keys, cluster, payment
        self._counts = workers_counts(workers, cluster)
        self.set_columns(worker_columns(workers))
        places = (at for at, row in enumerate(workers) if row.name == on)
        self.place_cursor(next(places, self.cursor_row))
        self._explain()
        self.rows_changed()

    def _explain(self) -> None:
        """Show in the lower border what is most severe."""
        said = sentences(self._workers, self._cluster, self._payment)
        where = by_words(said[0].text, self.outer_size.width - CORNERS) if said else ""
        self._border.show("Workers", self._counts, where)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def on_resize(self) -> None:
        self._explain()

    def row_count(self) -> int:
        return len(self._workers)

    def row_at(self, index: int) -> tuple[Cell, ...]:
        return worker_cells(self._workers[index], self._keys)

    def cell_at(self, row: tuple[Cell, ...], key: str) -> Cell:
        return row[CELLS.index(key)]

    def row_activated(self) -> None:
        if self.worker is not None and self.worker.name:
            self.post_message(self.Chosen(self, filter_for(self.worker.name)))

    def action_drain(self) -> None:
        if self.worker is not None and self.worker.state is WorkerState.WORKING:
            self.post_message(self.Steered(self, DrainWorker(self.worker.name)))
        else:
            self.notify("Only a worker that is at work can be drained", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key to what else has a use for it while the worker is not drained."""
        return action != "take_again" or (self.worker is not None and self.worker.state in _DRAINED)

    def action_take_again(self) -> None:
        if self.worker is not None and self.worker.state in _DRAINED:
            self.post_message(self.Steered(self, TakeWorker(self.worker.name)))
