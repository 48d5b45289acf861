"""The prompts of two runs, a row for each: what became of it, and what it took in both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Final

from textual.binding import BindingType

from llmdash.engine.model.changes import CHANGED, CHANGES, PairChange
from llmdash.engine.model.comparison import (
    ComparisonPart,
    PairRow,
    PairSide,
    PairSort,
    PairsView,
)
from llmdash.engine.model.states import RESULT_STATES
from llmdash.lean_dataclass import dataclass
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import HEADER, SIGN, Cell
from llmdash.ui.text.badges import JOB_STATES, VERDICTS, Badge
from llmdash.ui.text.format import count, dollars, duration
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.named_keys import chosen_by, key_of
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["CHANGE_STYLES", "PairTable", "side_badge"]

OVERSCAN: Final = 30
CHANGE_STYLES: Final = {
    PairChange.SAME: "muted",
    PairChange.WORSE: "error",
    PairChange.BETTER: "success",
    PairChange.LOST: "error",
    PairChange.RECOVERED: "success",
    PairChange.BROKEN: "error",
    PairChange.REPAIRED: "success",
    PairChange.TEXT: "warning",
    PairChange.OTHER: "warning",
    PairChange.ONLY_A: "muted",
    PairChange.ONLY_B: "muted",
}
"""The ends of the component classes of changes."""
_COLUMNS: Final = (
    SIGN,
    Column("id", "prompt", 10, flex=2, cut="middle"),
    Column("change", "what changed", 14),
    Column("a", "A", 15),
    Column("b", "B", 15),
    Column("a_latency", "time A", 6, "right", priority=2),
    Column("b_latency", "B", 6, "right", priority=2),
    Column("latency", "± time", 8, "right", priority=1),
    Column("a_tokens", "out A", 6, "right", priority=3),
    Column("b_tokens", "B", 6, "right", priority=3),
    Column("tokens", "± out", 7, "right", priority=1),
    Column("cost", "± cost", 11, "right", priority=4),
    Column("a_begins", "  A says", 24, flex=3, priority=5),
    Column("b_begins", "B says", 24, flex=3, priority=5),
)
_SORTS: Final = {
    "id": PairSort.INPUT,
    "change": PairSort.CHANGE,
    "latency": PairSort.LATENCY,
    "tokens": PairSort.OUTPUT,
    "cost": PairSort.COST,
}
_NOTHING: Final = "0"
_NOT_THERE: Final = Badge("·", "no outcome", "muted")


def side_badge(side: PairSide | None) -> Badge:
    """Return how the outcome of a prompt in one run looks."""
    if side is None:
        return _NOT_THERE
    if side.state == "done" and VERDICTS[side.verdict].word:
        return VERDICTS[side.verdict]
    state = RESULT_STATES.get(side.state)
    return Badge("◌", side.state, "muted") if state is None else JOB_STATES[state]


class PairTable(LineTable):
    """Pairs of rows, of which only those around the screen are known.

    | Key | Does |
    |---|---|
    | s | Sort by the next column. |
    | i | Reverse the order. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort_next", "Sort", tooltip="Sort by the next column"),
        Binding("i", "reverse", "Reverse", show=False, tooltip="Reverse the order"),
    ]

    @dataclass
    class Changed(FromWidget):
        """Posted when other rows are wanted, or another pair is under the cursor."""

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a pair, or its row is clicked twice."""

    def __init__(self, view: PairsView, *, id: str | None = None) -> None:
        super().__init__(_COLUMNS, id=id)
        self._view = replace(view, first=0, height=0, inspect=None)
        self._first = 0
        self._rows: tuple[PairRow, ...] = ()
        self._matching = 0
        self._is_complete = False
        self._pair: int | None = None
        self._border = PanelBorder(self, "Prompts")
        self._show_title()

    @property
    def view(self) -> PairsView:
        """What is wanted now: rows around those on screen, and the pair under the cursor."""
        first = max(0, self.top - OVERSCAN)
        return replace(self._view, first=first, height=self.page_rows + 2 * OVERSCAN, inspect=self._pair)

    @property
    def changes(self) -> frozenset[PairChange]:
        """The changes that are shown."""
        return self._view.changes

    def show(self, part: ComparisonPart) -> None:
        """Show the rows of a part, if they are in the order that is wanted now."""
        if replace(part.view, first=0, height=0, inspect=None) != self._view:
            return
        found = part.first, part.rows, part.matching, part.totals.complete
        if found == (self._first, self._rows, self._matching, self._is_complete):
            return
        self._is_complete = part.totals.complete
        self._first, self._rows, self._matching = part.first, part.rows, part.matching
        self.place_cursor(self.cursor_row)
        self._name_pair()
        self._show_title()
        self.rows_changed()

    def hint(self) -> str:
        if not self._is_complete or self._view.text or self._view.changes == frozenset(PairChange):
            return ""
        return f"No prompt changed so: {key_of('all-prompts', 'a', chosen_by(self))} shows them all"

    def show_only(self, changes: frozenset[PairChange]) -> None:
        """Show the pairs that changed in these ways."""
        self._reorder(replace(self._view, changes=changes))

    def set_text(self, text: str) -> None:
        """Show only pairs whose id contains a text."""
        self._reorder(replace(self._view, text=text))

    def _reorder(self, view: PairsView) -> None:
        if view == self._view:
            return
        self._view = view
        self._rows, self._pair = (), None
        self.place_top(0)
        self.place_cursor(0)
        self._show_title()
        self.header_changed()
        self.rows_changed()
        self.post_message(self.Changed(self))

    # What LineTable calls.

    def row_count(self) -> int:
        return self._matching

    def row_at(self, index: int) -> PairRow | None:
        at = index - self._first
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def title_of(self, column: Column) -> Cell:
        if _SORTS.get(column.key) is not self._view.sort:
            return Cell(column.title, HEADER)
        return Cell(f"{column.title} {'▴' if self._view.reverse else '▾'}", "line-table--sorted")

    def cell_at(self, row: Any, key: str) -> Cell:
        pair: PairRow = row
        if key == "id":
            return Cell(pair.id)
        if key == "change":
            return Cell(CHANGES[pair.change], f"line-table--{CHANGE_STYLES[pair.change]}")
        if key in ("a", "b"):
            badge = side_badge(pair.a if key == "a" else pair.b)
            return Cell(badge.text, f"line-table--{badge.style}")
        if key in ("a_begins", "b_begins"):
            side, margin = (pair.a, "  ") if key == "a_begins" else (pair.b, "")
            return Cell(margin + side.begins if side else "")
        figure = _figure(pair, key)
        matters = key in _SORTS and figure != _NOTHING
        return Cell(figure, "line-table--row" if matters else "line-table--muted")

    def cursor_moved(self) -> None:
        self._name_pair()
        self.post_message(self.Changed(self))

    def window_moved(self) -> None:
        self._show_title()
        self.post_message(self.Changed(self))

    def row_activated(self) -> None:
        if self._pair is not None:
            self.post_message(self.Chosen(self))

    def header_clicked(self, key: str) -> None:
        if key in _SORTS:
            sort = _SORTS[key]
            reverse = sort is self._view.sort and not self._view.reverse
            self._reorder(replace(self._view, sort=sort, reverse=reverse))

    def _name_pair(self) -> None:
        row = self.row_at(self.cursor_row) if self._matching else None
        pair = None if row is None else row.pair
        if pair != self._pair:
            self._pair = pair
            self.post_message(self.Changed(self))

    def _show_title(self) -> None:
        view = self._view
        only = [CHANGES[change] for change in CHANGES if change in view.changes]
        kinds = "all prompts" if len(only) == len(PairChange) else ", ".join(only)
        kinds = "all changes" if view.changes == CHANGED else kinds
        words = [kinds, view.sort.value + (", reversed" if view.reverse else "")]
        if view.text:
            words.append(f"/{view.text}")
        last = min(self.top + self.page_rows, self._matching)
        place = (
            f"{count(self.top + 1)}–{count(last)} of {count(self._matching)}" if self._matching else "none"
        )
        self._border.show("Prompts", " · ".join(words), place)

    def on_resize(self) -> None:
        super().on_resize()
        self._show_title()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    # Keys.

    def action_sort_next(self) -> None:
        orders = list(PairSort)
        following = orders[(orders.index(self._view.sort) + 1) % len(orders)]
        self._reorder(replace(self._view, sort=following, reverse=False))

    def action_reverse(self) -> None:
        self._reorder(replace(self._view, reverse=not self._view.reverse))


def _figure(pair: PairRow, key: str) -> str:
    """A figure of a pair; blank where it is not known."""
    a, b = pair.a, pair.b
    if key == "a_latency":
        return duration(a.latency_s if a else None).strip()
    if key == "b_latency":
        return duration(b.latency_s if b else None).strip()
    if key == "a_tokens":
        return _tokens(a)
    if key == "b_tokens":
        return _tokens(b)
    return "" if a is None or b is None else _difference(a, b, key)


def _tokens(side: PairSide | None) -> str:
    return "" if side is None or side.output_tokens is None else count(side.output_tokens)


def _difference(a: PairSide, b: PairSide, key: str) -> str:
    """B less A."""
    if key == "latency" and a.latency_s is not None and b.latency_s is not None:
        return _signed(b.latency_s - a.latency_s, duration(abs(b.latency_s - a.latency_s)).strip())
    if key == "tokens" and a.output_tokens is not None and b.output_tokens is not None:
        apart = b.output_tokens - a.output_tokens
        return _signed(apart, count(abs(apart)))
    if key == "cost" and a.cost is not None and b.cost is not None:
        return _signed(b.cost - a.cost, dollars(abs(b.cost - a.cost)))
    return ""


def _signed(value: float, amount: str) -> str:
    return f"{'-' if value < 0 else '+'}{amount}" if value else _NOTHING
