"""The keys of the pool, a row each: how each one fares, and which one was used just now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.message import Message

from llmdash.engine.frame import KeyRow, KeyState
from llmdash.ui.format import KEY_STATES, countdown, short
from llmdash.ui.widgets.chart import sparkline
from llmdash.ui.widgets.columns import Column
from llmdash.ui.widgets.line_table import LineTable
from llmdash.ui.widgets.row_painter import Cell

__all__ = ["KeyPanel"]

LIT: Final = "▌"
SPARK_SECONDS: Final = 12
LONGEST_LABEL: Final = 12
WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
RESTING: Final = {
    KeyState.THROTTLED: "rests",
    KeyState.COOLDOWN: "cools",
    KeyState.QUARANTINED: "quota",
}
"""The word before a countdown."""

COUNTS: Final = {"fly": 3, "sent": 5, "ok": 5, "429": 3, "err": 3, "rpm": 4, "tok": 4, "left": 5}
"""The columns that hold a count, and their width; `left` is what remains to the key, as the server says."""
NOT_TOLD: Final = -1


class _Shown(NamedTuple):
    """What decides the looks of a row: the texts in it, and whether it is lit."""

    label: str
    state: str
    style: str
    counts: tuple[int, ...]
    weight: float
    spark: str
    detail: str
    lit: bool


class KeyPanel(LineTable):
    """The key panel.

    | Key | Does |
    |---|---|
    | d | Disable the key under the cursor, or enable it again. |
    | v | Revive it: forget that it rests or died. |
    | [, ] | Give it less or more weight. |

    Component classes are those of `LineTable`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "d",
            "switch",
            "Disable/enable",
            tooltip="Give the key under the cursor no more work, or work again",
        ),
        Binding("v", "revive", "Revive", tooltip="Forget that it rests or died"),
        Binding(
            "left_square_bracket", "weigh(-1)", "Less", key_display="[", tooltip="A smaller share of the work"
        ),
        Binding(
            "right_square_bracket", "weigh(1)", "More", key_display="]", tooltip="A larger share of the work"
        ),
    ]

    @dataclass
    class Toggle(Message):
        """Posted when a key shall be disabled, or enabled again."""

        panel: KeyPanel
        label: str

        @property
        def control(self) -> KeyPanel:
            return self.panel

    @dataclass
    class Revive(Message):
        """Posted when a key shall be used again at once."""

        panel: KeyPanel
        label: str

        @property
        def control(self) -> KeyPanel:
            return self.panel

    @dataclass
    class Weigh(Message):
        """Posted when a key shall get another share of the work."""

        panel: KeyPanel
        label: str
        weight: float

        @property
        def control(self) -> KeyPanel:
            return self.panel

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(_columns(()), name=name, id=id, classes=classes)
        self._rows: tuple[KeyRow, ...] = ()
        self._shown: tuple[_Shown, ...] = ()
        self._sent: dict[str, int] = {}
        self.set_title("Keys")

    def show(self, rows: tuple[KeyRow, ...]) -> None:
        """Show the keys; one that sent since the last call is lit until the next one."""
        if rows == self._rows and not any(shown.lit for shown in self._shown):
            return
        self._shown = tuple(_shown(row, row.sent > self._sent.get(row.label, row.sent)) for row in rows)
        self._sent = {row.label: row.sent for row in rows}
        self._rows = rows
        self.set_columns(_columns(rows))
        healthy = sum(row.state is KeyState.HEALTHY for row in rows)
        self.set_title(f"Keys · {healthy} of {len(rows)} healthy")
        self.place_cursor(self.cursor_row)
        self.rows_changed()

    def row_count(self) -> int:
        return len(self._shown)

    def row_at(self, index: int) -> _Shown | None:
        return self._shown[index]

    def cell_at(self, row: Any, key: str) -> Cell:
        shown: _Shown = row
        if key in COUNTS:
            return _count_cell(key, shown.counts[list(COUNTS).index(key)])
        if key == "lit":
            return Cell(LIT if shown.lit else "", "line-table--active")
        if key == "state":
            return Cell(shown.state, shown.style)
        if key == "weight":
            return Cell(
                f"×{shown.weight:g}".replace("0.", "."),
                "line-table--muted" if shown.weight == 1 else "line-table--row",
            )
        if key == "spark":
            return Cell(shown.spark, "line-table--active")
        return Cell(shown.label) if key == "label" else Cell(shown.detail, "line-table--muted")

    def action_switch(self) -> None:
        if row := self._chosen():
            self.post_message(self.Toggle(self, row.label))

    def action_revive(self) -> None:
        if row := self._chosen():
            self.post_message(self.Revive(self, row.label))

    def action_weigh(self, step: int) -> None:
        row = self._chosen()
        if row is None:
            return
        steps = [weight for weight in WEIGHTS if (weight > row.weight if step > 0 else weight < row.weight)]
        if steps:
            self.post_message(self.Weigh(self, row.label, min(steps) if step > 0 else max(steps)))

    def _chosen(self) -> KeyRow | None:
        """The key under the cursor."""
        return self._rows[self.cursor_row] if self.cursor_row < len(self._rows) else None


def _columns(rows: tuple[KeyRow, ...]) -> tuple[Column, ...]:
    """The columns for these keys; weights show where any differs from 1, what is left where servers tell."""
    label_width = max((cell_len(row.label) for row in rows), default=0)
    columns = (
        Column("lit", "", 1),
        Column("label", "key", min(LONGEST_LABEL, max(4, label_width))),
        Column("state", "state", 11),
        _count_column("fly", 0),
        _count_column("sent", 6),
        _count_column("ok", 0),
        _count_column("429", 1),
        _count_column("err", 2),
        _count_column("rpm", 4),
        _count_column("left", 5),
        _count_column("tok", 7),
        Column("weight", "wt", 4, "right", priority=3),
        Column("spark", f"{SPARK_SECONDS} s", SPARK_SECONDS, priority=8),
        Column("detail", "", 8, flex=1, priority=9),
    )
    unused = set()
    if all(row.weight == 1 for row in rows):
        unused.add("weight")
    if all(row.remaining is None for row in rows):
        unused.add("left")
    return tuple(column for column in columns if column.key not in unused)


def _count_column(key: str, priority: int) -> Column:
    return Column(key, key, COUNTS[key], "right", priority=priority)


def _shown(row: KeyRow, lit: bool) -> _Shown:
    badge = KEY_STATES[row.state]
    state = badge.text
    if row.rests_s is not None and row.state in RESTING:
        state = f"{badge.glyph} {RESTING[row.state]} {countdown(row.rests_s)}"
    tokens = row.input_tokens + row.output_tokens
    left = NOT_TOLD if row.remaining is None else row.remaining
    counts = (row.in_flight, row.sent, row.ok, row.throttled, row.errors, row.rpm, tokens, left)
    return _Shown(
        label=row.label,
        state=state,
        style=f"line-table--{badge.style}",
        counts=counts,
        weight=row.weight,
        spark=sparkline(row.spark, SPARK_SECONDS),
        detail=row.detail,
        lit=lit,
    )


def _count_cell(key: str, number: int) -> Cell:
    style = "line-table--row"
    if number == NOT_TOLD:
        return Cell("–", "line-table--muted")
    if number == 0:
        style = "line-table--muted"
    elif key == "429":
        style = "line-table--warning"
    elif key == "err":
        style = "line-table--error"
    return Cell(short(number, COUNTS[key]), style)
