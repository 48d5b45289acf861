"""The keys of the pool and their endpoints: their states, the reasons, and which key was just used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import BindingType
from textual.events import Key

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_rows import (
    CELLS,
    WholeLine,
    endpoint_cells,
    grouped,
    key_cells,
    key_columns,
    key_detail,
    lease_cell,
    past_columns,
    trouble,
)
from llmdash.ui.panels.limit_editor import KeyLimits, LimitEditor
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import Cell
from llmdash.ui.text.format import by_words
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["LIT_S", "KeyPanel"]

WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
LIT_S: Final = 0.15
"""Seconds for which a key is lit that has sent: a blink that can be seen, and no more."""
CORNERS: Final = 6
"""Cells of the lower border that hold no text."""
_WEIGHT_KEYS: Final = Binding.Group("Weight")
_NO_KEY: Final = "There is no key under the cursor"


class KeyPanel(LineTable):
    """The key panel.

    | Key | Does |
    |---|---|
    | enter | Show the jobs of the key under the cursor. |
    | d | Disable the key under the cursor, or enable it again. |
    | v | Revive it: end its rest or quarantine, or that of an endpoint, at once. |
    | [, ] | Less or more weight. |
    | e | Show what it has failed in. |
    | l | Type its limits in its line: tab to the next, enter sets them, escape leaves them. |

    | Component class | Styles |
    |---|---|
    | `key-panel--lit` | A key that has just sent. |
    | `key-panel--faint` | Zeros, and what is not known. |
    | `key-panel--edited` | The limit that is typed. |

    The others are those of `LineTable`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-panel--lit", "key-panel--faint", "key-panel--edited"}

    DEFAULT_CSS = """
    KeyPanel {
        & > .key-panel--lit { color: $text-primary; text-style: bold; }
        & > .key-panel--faint { color: $border-blurred; }
        & > .key-panel--edited { color: $text-accent; text-style: bold underline; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Its jobs", tooltip="Show only the jobs of the key under the cursor"),
        Binding(
            "d",
            "switch",
            "Disable/enable",
            tooltip="Disable the key under the cursor, or enable it again",
        ),
        Binding("v", "revive", "Revive", tooltip="Use it again at once, though it rests, is down or dead"),
        Binding("e", "errors", "Its errors", tooltip="What this key has failed in"),
        Binding(
            "left_square_bracket",
            "weigh(-1)",
            "Less",
            key_display="[",
            tooltip="A smaller share of the requests",
            group=_WEIGHT_KEYS,
            id="weight-less",
        ),
        Binding(
            "right_square_bracket",
            "weigh(1)",
            "More",
            key_display="]",
            tooltip="A larger share of the requests",
            group=_WEIGHT_KEYS,
            id="weight-more",
        ),
        Binding(
            "l",
            "limits",
            "Limits",
            tooltip="Type its limits: requests and tokens a minute, and at once",
            id="key-limits",
        ),
    ]

    @dataclass
    class Toggle(FromWidget):
        """Posted when the user disables a key, or enables it again."""

        label: str

    @dataclass
    class Errors(FromWidget):
        """Posted when the user asks what a key has failed in."""

        label: str

    @dataclass
    class Revive(FromWidget):
        """Posted when the user revives a key."""

        label: str

    @dataclass
    class ReviveEndpoint(FromWidget):
        """Posted when the user revives an endpoint."""

        name: str

    @dataclass
    class Chosen(FromWidget):
        """Posted when the user asks for the jobs of a key."""

        label: str

    @dataclass
    class Weigh(FromWidget):
        """Posted when the user changes the weight of a key."""

        label: str
        weight: float

    @dataclass
    class Limited(FromWidget):
        """Posted when the user sets the limits of a key."""

        label: str
        limits: KeyLimits

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(key_columns(()), id=id)
        self._clock = clock
        self._keys: tuple[KeyRow, ...] = ()
        self._endpoints: tuple[EndpointRow, ...] = ()
        self._rows: tuple[KeyRow | EndpointRow, ...] = ()
        self._sent: dict[str, int] = {}
        self._widths: dict[str, int] = {}
        self._headed = False
        self._columns = key_columns
        self._lit: dict[str, float] = {}
        """Until when each key is lit."""
        self._border = PanelBorder(self, "Keys")
        self._warning = ""
        self._editor: LimitEditor | None = None

    def show(
        self, keys: tuple[KeyRow, ...], endpoints: tuple[EndpointRow, ...] = (), warning: str = ""
    ) -> None:
        """Show the keys; one that sent since the last call is lit for LIT_S.

        Endpoints have headings where there are several, or the only one was ever in trouble. A `warning`
        that is of all keys goes before what is wrong with one.
        """
        if (keys, endpoints, warning) == (self._keys, self._endpoints, self._warning) and not self._lit:
            return
        self._warning = warning
        before = self._identity()
        troubled = any(row.state is not EndpointState.UP for row in endpoints)
        self._headed = bool(endpoints) and (self._headed or len(endpoints) > 1 or troubled)
        self._rows = grouped(keys, endpoints if self._headed else ())
        self._light(keys)
        self._sent = {row.label: row.sent for row in keys}
        self._keys, self._endpoints = keys, endpoints
        columns = self._columns(keys)
        self._widths = {column.key: column.width for column in columns}
        self.set_columns(columns)
        self.place_cursor(self._index_of(before))
        self._explain()
        self.rows_changed()

    def _light(self, keys: tuple[KeyRow, ...]) -> None:
        now = self._clock()
        self._lit = {label: until for label, until in self._lit.items() if until > now}
        self._lit |= {
            row.label: now + LIT_S for row in keys if row.sent > self._sent.get(row.label, row.sent)
        }

    def review(self, ended: bool) -> None:
        """Show what the keys did over a run that has `ended`, or what they do now; before `show`."""
        columns = past_columns if ended else key_columns
        if columns is not self._columns:
            self._columns = columns
            self._keys = ()

    def _identity(self) -> tuple[type, str] | None:
        """The name of what the cursor is on."""
        row = self._under_cursor()
        return None if row is None else (type(row), _name(row))

    def _index_of(self, identity: tuple[type, str] | None) -> int:
        """The index that keeps the cursor on the same row; headings come and go."""
        if identity == self._identity():
            return self.cursor_row
        places = (at for at, row in enumerate(self._rows) if (type(row), _name(row)) == identity)
        return next(places, self.cursor_row)

    # Why a key is as it is.

    def _explain(self) -> None:
        """Show in the lower border what happened to the key under the cursor, or else to the one in the worst
        state, unless its line shows all of it.
        """
        healthy = sum(row.state is KeyState.HEALTHY for row in self._keys)
        how = f"{healthy} of {len(self._keys)} healthy"
        row = self._under_cursor() if self.has_focus else trouble(self._rows)
        where = self._warning
        if not where and row is not None and (detail := _detail(row)) and not self._fits_line(row):
            where = by_words(f"{_name(row)}: {detail}", self.outer_size.width - CORNERS)
        self._border.show("Keys", how, where)

    def _fits_line(self, row: KeyRow | EndpointRow) -> bool:
        if isinstance(row, KeyRow):
            return cell_len(_detail(row)) <= self.column_width("detail")
        cells = endpoint_cells(row, self.scrollable_content_region.width)
        return cells[-1].text.strip() == row.detail

    def cursor_moved(self) -> None:
        self._explain()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._explain()

    def on_resize(self) -> None:
        super().on_resize()
        self._explain()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    # What LineTable calls.

    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> tuple[Cell, ...] | WholeLine:
        row = self._rows[index]
        if self._editor is not None and isinstance(row, KeyRow) and row.label == self._editor.label:
            return WholeLine(self._editor.cells())
        if isinstance(row, EndpointRow):
            return WholeLine(endpoint_cells(row, self.scrollable_content_region.width))
        cells = key_cells(row, self._widths, lit=row.label in self._lit)
        return (*cells, lease_cell(row, sum(key.sent for key in self._keys)))

    def row_activated(self) -> None:
        if key := self._key():
            self.post_message(self.Chosen(self, key.label))
        else:
            self._tell(_NO_KEY)

    def cell_at(self, row: tuple[Cell, ...], key: str) -> Cell:
        return row[CELLS.index(key)]

    def whole_line(self, row: tuple[Cell, ...] | WholeLine, width: int) -> tuple[Cell, ...] | None:
        return row.cells if isinstance(row, WholeLine) else None

    # Keys.

    def action_switch(self) -> None:
        if key := self._key():
            self.post_message(self.Toggle(self, key.label))
        else:
            self._tell(_NO_KEY)

    def action_errors(self) -> None:
        if key := self._key():
            self.post_message(self.Errors(self, key.label))
        else:
            self._tell(_NO_KEY)

    def action_revive(self) -> None:
        row = self._under_cursor()
        if row is None:
            self._tell(_NO_KEY)
        elif _is_well(row):
            self._tell(f"{clean_line(_name(row))} is in use: there is nothing to revive")
        elif isinstance(row, EndpointRow):
            self.post_message(self.ReviveEndpoint(self, row.name))
        else:
            self.post_message(self.Revive(self, row.label))

    def action_weigh(self, step: int) -> None:
        key = self._key()
        if key is None:
            self._tell(_NO_KEY)
            return
        steps = [weight for weight in WEIGHTS if (weight > key.weight if step > 0 else weight < key.weight)]
        if steps:
            self.post_message(self.Weigh(self, key.label, min(steps) if step > 0 else max(steps)))
        else:
            self._tell(f"{key.weight:g} is the {'largest' if step > 0 else 'smallest'} weight of a key")

    # Limits, typed in the line of a key.

    def action_limits(self) -> None:
        if key := self._key():
            self._edit(LimitEditor(key))
        else:
            self._tell(_NO_KEY)

    def _edit(self, editor: LimitEditor | None) -> None:
        self._editor = editor
        self.rows_changed()

    def on_key(self, event: Key) -> None:
        editor = self._editor
        if editor is None:
            return
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self._edit(None)
        elif event.key == "enter":
            self._set_limits(editor)
        elif editor.press(event.key, event.character or ""):
            self.rows_changed()

    def _set_limits(self, editor: LimitEditor) -> None:
        try:
            limits = editor.limits()
        except ValueError as refused:
            self.notify(str(refused), severity="warning", markup=False)
            return
        self._edit(None)
        self.post_message(self.Limited(self, editor.label, limits))

    def on_blur(self) -> None:
        self._edit(None)

    def _tell(self, why: str) -> None:
        """Say why a key did nothing."""
        self.notify(why, markup=False)

    def _under_cursor(self) -> KeyRow | EndpointRow | None:
        return self._rows[self.cursor_row] if self.cursor_row < len(self._rows) else None

    def _key(self) -> KeyRow | None:
        """The key under the cursor, if it is on one."""
        row = self._under_cursor()
        return row if isinstance(row, KeyRow) else None


def _is_well(row: KeyRow | EndpointRow) -> bool:
    """True if there is nothing to revive."""
    if isinstance(row, EndpointRow):
        return row.state is EndpointState.UP
    return row.state is KeyState.HEALTHY and not row.ready_in_s


def _detail(row: KeyRow | EndpointRow) -> str:
    return row.detail if isinstance(row, EndpointRow) else key_detail(row)


def _name(row: KeyRow | EndpointRow) -> str:
    return row.name if isinstance(row, EndpointRow) else row.label
