"""What failed, a row for each kind of error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from textual.binding import BindingType

from llmdash.engine.model.counts import counted
from llmdash.engine.model.errors import MOST_GROUPS, ErrorGroup
from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.chart import sparkline
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.error_rows import ErrorRow, ErrorSort, rows_of, since_start
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import SIGN, Cell
from llmdash.ui.text.format import count
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.named_keys import Hint, chosen_by, key_hints, key_of
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["PANEL_COLUMNS", "SCREEN_COLUMNS", "ErrorTable"]

SCREEN_COLUMNS: Final = (
    SIGN,
    Column("jobs", "jobs", 6, "right"),
    Column("tries", "tries", 6, "right"),
    Column("first", "first", 7, "right", priority=4),
    Column("last", "last", 7, "right", priority=2),
    Column("class", " class", 11),
    Column("status", "code", 4, "right", priority=1),
    Column("name", " what", 28, flex=1),
    Column("keys", "keys", 15, priority=3),
    Column("spark", "over the run", 12, priority=5),
)
PANEL_COLUMNS: Final = (
    SIGN,
    Column("jobs", "jobs", 6, "right"),
    Column("tries", "tries", 6, "right", priority=2),
    Column("last", "last", 6, "right", priority=4),
    Column("words", " what", 20, flex=1),
    Column("keys", "keys", 15, priority=3),
)
_MUTED: Final = "line-table--muted"
_KEYS: Final[tuple[Hint, ...]] = (
    ("show-jobs", "⏎", "its jobs"),
    ("retry-group", "r", "retry"),
    ("bench-key", "b", "bench"),
    ("skip", "k", "skip"),
)


class ErrorTable(LineTable):
    """Groups of tries that failed alike. The cursor stays on its group, even if the order changes.

    | Key | Does |
    |---|---|
    | enter | Show the jobs of the group in the job table. |
    | r | Retry its jobs that failed for good. |
    | b | Bench the key that it hits most: nothing more is sent with it; or use it again. |
    | k | Skip the group: it is folded away and left as it is; or take it back. |

    Component classes are those of `LineTable`.
    """

    DEFAULT_CSS = """
    ErrorTable { border-subtitle-color: $text-muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Show jobs", tooltip="Filter the job table to this group"),
        Binding("r", "retry", "Retry group", tooltip="Queue the failed jobs of this group again"),
        Binding("b", "bench", "Bench key", tooltip="Send nothing more with the key that fails most so"),
        Binding("k", "skip", "Skip", tooltip="Fold this group away; press again to take it back"),
    ]

    @dataclass
    class Retry(FromWidget):
        """Posted when the user retries the jobs of a group."""

        group: ErrorGroup

    @dataclass
    class Bench(FromWidget):
        """Posted when the user benches the key that a group hits most."""

        group: ErrorGroup

    @dataclass
    class Chosen(FromWidget):
        """Posted when enter is pressed on a group, or its row is clicked twice; `filter` shows its jobs."""

        group: ErrorGroup
        groups: tuple[ErrorGroup, ...]

    @dataclass
    class Moved(FromWidget):
        """Posted when another group is under the cursor, or the rows are looked at in another way."""

    def __init__(
        self,
        title: str = "Errors",
        columns: Sequence[Column] = PANEL_COLUMNS,
        skipped: set[str] | None = None,
        *,
        id: str | None = None,
    ) -> None:
        """`skipped` has the ids of the groups that are folded away, and is changed by `k`."""
        super().__init__(columns, id=id)
        self.skipped = set() if skipped is None else skipped
        self.sort = ErrorSort.JOBS
        self.filter = ""
        self._border = PanelBorder(self, title)
        self._about, self._note = title, ""
        self._is_panel = columns is PANEL_COLUMNS
        self._groups: tuple[ErrorGroup, ...] = ()
        self._rows: tuple[ErrorRow, ...] = ()
        self._now_s = 0.0
        self._on: str | None = None
        self._shown: object = None
        """What `show` was called with last: a second is the least that is told of the time."""
        self.show((), 0.0)

    @property
    def group(self) -> ErrorGroup | None:
        """The group under the cursor."""
        return self._rows[self.cursor_row].group if self.cursor_row < len(self._rows) else None

    @property
    def kept(self) -> tuple[ErrorGroup, ...]:
        """The groups that are not skipped, whatever the filter."""
        return tuple(group for group in self._groups if group.id not in self.skipped)

    def show(self, groups: Iterable[ErrorGroup], now_s: float, about: str = "", note: str = "") -> None:
        """Show these groups at a time at work; only lines that change are repainted. A panel says what it is
        `about`, and has a `note` on its lower border while it has no focus.
        """
        shown = tuple(groups), int(now_s), about or self._about, note, frozenset(self.skipped)
        if shown != self._shown:
            self._shown = shown
            self._groups, self._now_s, self._about, self._note, _skipped = shown
            self._arrange()

    def look(self, sort: ErrorSort, text: str) -> None:
        """Sort by another column, or show only the groups with a text."""
        self.sort, self.filter = sort, text
        self.header_changed()
        self._arrange()

    def _arrange(self) -> None:
        rows = rows_of(self._groups, self._now_s, self.sort, self.filter, self.skipped)
        if rows != self._rows:
            self._rows = rows
            places = (at for at, row in enumerate(rows) if row.group.id == self._on)
            self.place_cursor(next(places, self.cursor_row))
            self.rows_changed()
        self._name_cursor()
        self._write_border()

    def _write_border(self) -> None:
        chosen = chosen_by(self)
        if self._is_panel:
            keys = key_hints(chosen, *_KEYS, between="   ") if self.has_focus else self._note
            self._border.show(self._about, f"{key_of('errors', 'e', chosen)} whole screen", keys)
            return
        how = key_hints(chosen, ("sort", "s", "sort"), ("filter", "/", "filter"))
        how = f"by {self.sort.value} · {how}"
        shown = f"{len(self._rows)} of " if len(self._rows) < len(self._groups) else ""
        skipped = sum(row.is_skipped for row in self._rows)
        largest = "the largest " if len(self._groups) >= MOST_GROUPS else ""
        words = [f"{shown}{largest}{counted(len(self._groups), 'group')}"]
        words += [f"{skipped} skipped"] if skipped else []
        self._border.show(
            self._about, how, f"{', '.join(words)}; jobs: failed for good; tries: single requests"
        )

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._write_border()

    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> ErrorRow | None:
        return self._rows[index]

    def cell_at(self, row: Any, key: str) -> Cell:
        return _cell(row, key)

    def cursor_moved(self) -> None:
        self._name_cursor()

    def row_activated(self) -> None:
        if self.group is not None:
            self.post_message(self.Chosen(self, self.group, self._groups))

    def header_clicked(self, key: str) -> None:
        """Sort by the column, if rows can be sorted by it."""
        if key in {each.value for each in ErrorSort}:
            self.look(ErrorSort(key), self.filter)

    def title_of(self, column: Column) -> Cell:
        if column.key == self.sort.value:
            return Cell(f"{column.title} ▾", "line-table--sorted")
        return super().title_of(column)

    def action_retry(self) -> None:
        if self.group is not None:
            self.post_message(self.Retry(self, self.group))

    def action_bench(self) -> None:
        if self.group is not None:
            self.post_message(self.Bench(self, self.group))

    def action_skip(self) -> None:
        """Fold the group under the cursor away, or take it back; the cursor stays on its line."""
        if self.group is None:
            return
        self.skipped ^= {self.group.id}
        line, self._on = self.cursor_row, None
        self._arrange()
        self.move_cursor(line)
        self._name_cursor()

    def _name_cursor(self) -> None:
        name = None if self.group is None else self.group.id
        if name != self._on:
            self._on = name
            self.post_message(self.Moved(self))


def _cell(row: ErrorRow, key: str) -> Cell:
    group, last, is_skipped = row
    match key:
        case "jobs":
            text, style = count(group.jobs), "line-table--error" if group.jobs else "line-table--faint"
        case "tries":
            text, style = (count(group.tries), "line-table--warning") if group.tries else ("–", _MUTED)
        case "first":
            text, style = since_start(group.first_s), _MUTED
        case "last":
            text, style = last, _MUTED
        case "class":
            text, style = f" {'skipped' if is_skipped else group.kind.value}", "line-table--row"
        case "status":
            text, style = str(group.status or "–"), "line-table--row"
        case "name":
            text, style = f" {group.name}", _MUTED
        case "words":
            text, style = f" {_panel_words(row)}", "line-table--row"
        case "keys":
            text, style = _keys(group), _MUTED
        case _:
            text, style = sparkline(group.spark, 12).strip(), "line-table--error"
    return Cell(text, _MUTED if is_skipped else style)


def _panel_words(row: ErrorRow) -> str:
    group = row.group
    words = group.words if group.status else f"{group.kind}: {group.name}"
    return f"skipped: {words}" if row.is_skipped else words


def _keys(group: ErrorGroup) -> str:
    """The keys with most of the tries: `9bc0 31, 2 more`, or `77de 14 9bc0 2`."""
    shown = [f"{key} {count(tries)}" for key, tries in group.keys]
    if not shown or len(shown) + group.more_keys <= 2:
        return " ".join(shown)
    return f"{shown[0]}, {len(shown) + group.more_keys - 1} more"
