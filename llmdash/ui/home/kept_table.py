"""The kept runs, a row each, the newest on top."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from textual.binding import BindingType
from textual.content import Content

from llmdash.engine.model.states import KeptState
from llmdash.lean_dataclass import dataclass
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import MARK, Cell
from llmdash.ui.text.format import count, dollars, share
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.keymap import entries
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

if TYPE_CHECKING:
    from llmdash.ui.launcher import KeptRow

__all__ = ["KeptTable"]

_LOOKS = {
    KeptState.RUNNING: ("▸ running", "line-table--active"),
    KeptState.PAUSED: ("◫ paused", "line-table--waiting"),
    KeptState.HELD: ("◆ held", "line-table--waiting"),
    KeptState.STOPPING: ("◐ stopping", "line-table--waiting"),
    KeptState.DONE: ("✓ done", "line-table--success"),
    KeptState.FAILED: ("✗ failures", "line-table--error"),
    KeptState.STOPPED: ("■ can go on", "line-table--warning"),
    KeptState.BATCHED: ("◇ batched", "line-table--waiting"),
    KeptState.DIED: ("✖ cut off", "line-table--warning"),
    KeptState.DAMAGED: ("! damaged", "line-table--error"),
}
"""Glyph, words and style of each state."""
_SIGN = Column("sign", "", 1, gap=0)
"""Shows which run is marked, and which is under the cursor."""
_MODEL: Final = Column("model", "model", 11, flex=1, priority=5, cut="middle", most=28)
_COLUMNS: Final = (
    _SIGN,
    Column("name", "name", 10, flex=1, cut="middle"),
    _MODEL,
    Column("state", "state", 11),
    Column("done", "done", 8, "right", priority=2),
    Column("failed", "failed", 6, "right", priority=4),
    Column("right", "right", 6, "right", priority=3),
    Column("cost", "cost", 7, "right", priority=1),
    Column("when", "when", 9, priority=1),
)
_WITH_MODEL: Final = tuple(replace(each, priority=1) if each is _MODEL else each for each in _COLUMNS)
"""The same where runs that have one name differ in their models: these have room before other columns."""
_TITLE = "Runs kept"
NO_RUN: Final = "No run is kept yet: Enter in the form below begins one"


class _ShownRun(NamedTuple):
    """What decides the look of a row."""

    run: KeptRow
    sign: str


class KeptTable(LineTable):
    """Kept runs. One can be marked, to be compared with the one under the cursor.

    | Key | Does |
    |---|---|
    | enter | Open the run, or attach to it while it runs. |
    | u | Go on with it. |
    | o | Write its results into a file. |
    | space, m | Mark a run; compare the one under the cursor with the marked one. |
    | y | Replay it. |

    Component classes are those of `LineTable`.
    """

    BINDING_GROUP_TITLE = "Kept runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Open", tooltip="Open the run, or attach to it while it runs"),
        Binding("u", "ask('go_on')", "Go on", tooltip="Go on with what is pending"),
        Binding("o", "ask('export')", "Results", tooltip="Write its results into a file"),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark a run to compare with"),
        Binding("m", "ask('compare')", "Compare", tooltip="Compare with the marked run, or the next one"),
        Binding("y", "ask('replay')", "Replay", tooltip="Play the run again"),
    ]

    @dataclass
    class Asked(FromWidget):
        """Posted when something is to be done with a run: open, go_on, export, compare, replay."""

        what: str
        row: KeptRow
        other: KeptRow | None

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_COLUMNS, id=id)
        self._rows: tuple[KeptRow, ...] = ()
        self._marked: str | None = None
        self._on: str | None = None
        self._kept = ""
        self._border = PanelBorder(self, _TITLE)

    def on_mount(self) -> None:
        self._write_border()

    def on_resize(self) -> None:
        super().on_resize()
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def _write_border(self) -> None:
        """Write how much room the runs take, and the keys that act on one."""
        pieces = (
            Content.assemble((entry.glyphs, "$text-accent"), (f" {entry.name.lower()}", "$foreground-muted"))
            for entry in entries(self)
            if entry.shown
        )
        self._border.show(_TITLE, self._kept, Content(" · ").join(pieces))

    @property
    def row(self) -> KeptRow | None:
        """The run under the cursor."""
        return self._rows[self.cursor_row] if self.cursor_row < len(self._rows) else None

    def show(self, rows: tuple[KeptRow, ...], kept: str) -> None:
        """Show these runs; `kept` says how much room they take."""
        self._kept = kept
        self._write_border()
        if rows == self._rows:
            return
        self._rows = rows
        self.set_columns(_WITH_MODEL if _models_tell_apart(rows) else _COLUMNS)
        places = (at for at, row in enumerate(rows) if row.run == self._on)
        self.place_cursor(next(places, self.cursor_row))
        self._name_cursor()
        self.rows_changed()

    def hint(self) -> str:
        return NO_RUN

    def to_newest(self) -> None:
        """Put the cursor on the newest run: on one that is about to be listed, where there is one."""
        self.place_cursor(0)
        self._on = None
        self.focus()

    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> _ShownRun | None:
        run = self._rows[index]
        cursor = "›" if index == self.cursor_row and self.has_focus else ""
        return _ShownRun(run, MARK if run.run == self._marked else cursor)

    def is_marked(self, row: Any) -> bool:
        return bool(row.sign == MARK)

    def cell_at(self, row: Any, key: str) -> Cell:
        run: KeptRow = row.run
        if key == "sign":
            return Cell(row.sign, "line-table--accent")
        if key == "name":
            return Cell(run.name)
        if key == "model":
            return Cell(run.model, "line-table--muted")
        if key == "state":
            return Cell(*_LOOKS[run.state])
        if key == "done":
            return Cell(count(run.done), "line-table--row" if run.done else "line-table--faint")
        if key == "failed":
            return Cell(count(run.failed), "line-table--error" if run.failed else "line-table--faint")
        if key == "right":
            return Cell(share(run.right), "line-table--row")
        if key == "cost":
            return Cell(dollars(run.cost), "line-table--row")
        return Cell(run.when, "line-table--muted")

    def cursor_moved(self) -> None:
        self._name_cursor()

    def row_activated(self) -> None:
        self.action_ask("open")

    def row_picked(self) -> None:
        self.action_mark()

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take its mark away."""
        if self.row is not None:
            self._marked = None if self._marked == self.row.run else self.row.run
            self.rows_changed()

    def action_ask(self, what: str) -> None:
        """Ask for something to be done with the run under the cursor."""
        if self.row is None:
            self.app.notify(NO_RUN, markup=False)
            return
        other = self._other()
        self.post_message(self.Asked(self, what, self.row, other))
        if what == "compare" and other is not None and other.run == self._marked:  # it has served
            self._marked = None
            self.rows_changed()

    def _other(self) -> KeptRow | None:
        """The marked run, else the one below the cursor, at the end the one above."""
        marked = next((row for row in self._rows if row.run == self._marked and row is not self.row), None)
        at = self.cursor_row
        beside = self._rows[at + 1 : at + 2] or self._rows[max(0, at - 1) : at]
        return marked or (beside[0] if beside else None)

    def _name_cursor(self) -> None:
        self._on = None if self.row is None else self.row.run


def _models_tell_apart(rows: tuple[KeptRow, ...]) -> bool:
    """True where runs have the same name, but not all of these the same model."""
    return len({row.name for row in rows}) < len({(row.name, row.model) for row in rows})
