"""ColumnsScreen: which columns the job table has, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from llmdash.lean_dataclass import dataclass
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.job_columns import DESCRIPTIONS, INPUT
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import MUTED, SIGN, Cell
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, key_hints, key_of

__all__ = ["ColumnList", "ColumnsScreen"]


class ColumnList(LineTable):
    """The columns: first those that are shown, in their order, then the others.

    | Key | Does |
    |---|---|
    | space | Shows or hides the column. |
    | J, shift+down | Moves it to the right. |
    | K, shift+up | Moves it to the left. |
    | backspace | Shows those that fit the width again. |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "turn", "Show or hide", tooltip="Show or hide the column"),
        Binding("J,shift+down", "move(1)", "Move right", tooltip="Show the column further right"),
        Binding("K,shift+up", "move(-1)", "Move left", tooltip="Show the column further left"),
        Binding("backspace", "reset", "As usual", tooltip="Show those that fit the width again"),
    ]

    @dataclass
    class Changed(Message):
        """Posted with the columns that are to be shown; None for those that fit the width."""

        names: tuple[str, ...] | None

    def __init__(self, shown: Sequence[str], usual: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            (
                SIGN,
                Column("shown", "", 2),
                Column("name", "column", 16),
                Column("what", "shows", 20, flex=1),
            ),
            id="column-list",
        )
        self._usual = tuple(usual)
        self._known = tuple(known)
        self._show(shown)

    def _show(self, shown: Sequence[str]) -> None:
        self._shown = list(shown)
        self._names = [*shown, *(name for name in self._known if name not in shown)]

    def row_count(self) -> int:
        return len(self._names)

    def row_at(self, index: int) -> tuple[str, bool]:
        return self._names[index], index < len(self._shown)

    def cell_at(self, row: Any, key: str) -> Cell:
        name, is_shown = row
        if key == "shown":
            return Cell("✓" if is_shown else "·", "line-table--accent" if is_shown else MUTED)
        if key == "name":
            return Cell(name.removeprefix(INPUT))
        return Cell(DESCRIPTIONS.get(name, "a field of the input"), MUTED)

    def row_activated(self) -> None:
        self.action_turn()

    def action_turn(self) -> None:
        """Show the column at the cursor behind the others, or hide it; one is always shown."""
        name = self._names[self.cursor_row]
        if name not in self._shown:
            self._change([*self._shown, name], name)
        elif len(self._shown) > 1:
            self._change([each for each in self._shown if each != name], name)

    def action_move(self, step: int) -> None:
        """Move the column at the cursor among those that are shown."""
        place, to = self.cursor_row, self.cursor_row + step
        if place < len(self._shown) and 0 <= to < len(self._shown):
            moved = list(self._shown)
            moved.insert(to, moved.pop(place))
            self._change(moved, self._names[place])

    def action_reset(self) -> None:
        self._show(self._usual)
        self.rows_changed()
        self.post_message(self.Changed(None))

    def _change(self, shown: list[str], name: str) -> None:
        self._show(shown)
        self.move_cursor(self._names.index(name))
        self.rows_changed()
        self.post_message(self.Changed(tuple(shown)))


class ColumnsScreen(ModalScreen[None], SteadyScreen[None]):
    """The list of columns over the dashboard; what is changed shows at once."""

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Columns"
    AUTO_FOCUS = "ColumnList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,C,q", "dismiss", "Close", tooltip="Back to the table"),
    ]

    def __init__(
        self,
        shown: Sequence[str],
        usual: Sequence[str],
        known: Sequence[str],
        choose: Callable[[tuple[str, ...] | None], None],
    ) -> None:
        """`choose` is called with the columns to show, None for those that fit the width; `known` are all."""
        super().__init__()
        self._list = ColumnList(shown, usual, known)
        self._choose = choose

    def compose(self) -> ComposeResult:
        with Vertical(id="columns-box") as box:
            box.border_title = Content("Columns of the job table")
            chosen = chosen_by(self)
            to_the_right = key_of("move-right", "J", chosen)
            box.border_subtitle = Content(
                key_hints(
                    chosen,
                    ("show-or-hide", "space", "shows or hides"),
                    ("move-left", f"{to_the_right} K", "move"),
                    ("as-usual", "⌫", "as usual"),
                    ("close", "esc", "closes"),
                    between="   ",
                )
            )
            yield self._list
        yield KeyBar()

    def on_column_list_changed(self, event: ColumnList.Changed) -> None:
        event.stop()
        self._choose(event.names)
