"""A row for each batch of a run, the newest first."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from llmdash.engine.model.commands import BringBack, GiveUpBatch
from llmdash.engine.model.frame import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.lean_dataclass import dataclass
from llmdash.ui.panels.batch_rows import BATCH_COLUMNS, batch_cell
from llmdash.ui.tables.full_table import FullTable
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.batch_words import batch_filter
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget

__all__ = ["BatchPanel"]

_NO_BATCH = "There is no batch under the cursor"


class BatchPanel(FullTable):
    """The batches of a run. The cursor stays on its batch, even if others come above it.

    | Key | Does |
    |---|---|
    | enter, l | Show the jobs of the batch in the job table. |
    | x | Bring the batch back; where its provider does not end it: give it up. |
    | a | Say which of the provider's batches it is, where that is not known. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,l", "activate", "Its jobs", id="jobs-of-batch", tooltip="Filter the table to this batch"
        ),
        Binding(
            "x", "bring_back", "Bring back", tooltip="Cancel this batch; what has no result is pending again"
        ),
        Binding(
            "a", "adopt", "Adopt", id="adopt-batch", tooltip="Say which batch at the provider a held one is"
        ),
    ]

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a batch, or its row is clicked twice."""

        filter: str
        """Matches its jobs."""

    @dataclass
    class Steered(FromWidget):
        """Posted when the user brings a batch back, or gives it up."""

        command: BringBack | GiveUpBatch

    @dataclass
    class AdoptAsked(FromWidget):
        """Posted when the user wants to say which batch at the provider this one is."""

        batch: BatchRow

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(BATCH_COLUMNS, id=id)
        self._batches: tuple[BatchRow, ...] = ()
        self._why_not = ""

    @property
    def cursor_batch(self) -> BatchRow | None:
        """The batch under the cursor."""
        return self._batches[self.cursor_row] if self.cursor_row < len(self._batches) else None

    def show(self, batches: tuple[BatchRow, ...], why_not: str = "") -> None:
        """Show these batches, the last one on top; only lines that change are repainted. `why_not` says why
        nothing can be done with them.
        """
        self._why_not = why_not
        shown = batches[::-1]
        if shown == self._batches:
            return
        on = None if self.cursor_batch is None else self.cursor_batch.batch
        self._batches = shown
        places = (at for at, row in enumerate(shown) if row.batch == on)
        self.place_cursor(next(places, self.cursor_row))
        self.rows_changed()

    def row_count(self) -> int:
        return len(self._batches)

    def row_at(self, index: int) -> BatchRow:
        return self._batches[index]

    def cell_at(self, row: BatchRow, key: str) -> Cell:
        return batch_cell(row, key, self.column_width(key))

    def hint(self) -> str:
        return " Nothing was sent in a batch; B sends what is pending"

    def row_activated(self) -> None:
        if self.cursor_batch is not None:
            self.post_message(self.Chosen(self, batch_filter(self.cursor_batch.batch)))

    def action_bring_back(self) -> None:
        row = self.cursor_batch
        if row is None or self._why_not:
            self._tell(self._why_not or _NO_BATCH)
        elif row.state in (BatchState.CANCELLING, BatchState.HELD):
            self.post_message(self.Steered(self, GiveUpBatch(row.batch)))
        elif row.state is BatchState.ENDED:
            self._tell("It has ended: its results are being fetched")
        elif not row.state.is_open:
            self._tell("It is over: none of its jobs is with the provider")
        else:
            self.post_message(self.Steered(self, BringBack(row.batch)))

    def action_adopt(self) -> None:
        row = self.cursor_batch
        if row is None or self._why_not:
            self._tell(self._why_not or _NO_BATCH)
        elif row.provider_id is not None or not row.state.may_exist:
            self._tell("It is known which batch at the provider this one is")
        else:
            self.post_message(self.AdoptAsked(self, row))

    def _tell(self, why: str) -> None:
        """Say why a key did nothing."""
        self.notify(why, markup=False)
