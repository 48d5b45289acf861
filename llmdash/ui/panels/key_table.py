"""The keys of the pool in a table: a row a key, headings for endpoints, a blink where a key has just sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState
from llmdash.ui.panels.key_detail import name_of
from llmdash.ui.panels.key_rows import (
    CELLS,
    WholeLine,
    endpoint_cells,
    grouped,
    key_cells,
    key_columns,
    past_columns,
)
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.tables.row_painter import Cell

__all__ = ["LIT_S", "KeyTable"]

LIT_S: Final = 0.15
"""Seconds for which a key is lit that has sent: a blink that can be seen, and no more."""


class KeyTable(LineTable):
    """The rows of keys and endpoints. The cursor stays on its row when others come or go.

    | Component class | Styles |
    |---|---|
    | `key-panel--lit` | A key that has just sent. |
    | `key-panel--faint` | Zeros, and what is not known. |
    | `key-panel--edited` | The limit that is typed. |

    The others are those of `LineTable`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-panel--lit", "key-panel--faint", "key-panel--edited"}

    DEFAULT_CSS = """
    KeyTable {
        & > .key-panel--lit { color: $text-primary; text-style: bold; }
        & > .key-panel--faint { color: $border-blurred; }
        & > .key-panel--edited { color: $text-accent; text-style: bold underline; }
    }
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(key_columns(()), id=id)
        self._clock = clock
        self._keys: tuple[KeyRow, ...] = ()
        self._endpoints: tuple[EndpointRow, ...] = ()
        self._rows: tuple[KeyRow | EndpointRow, ...] = ()
        self._sent: dict[str, int] = {}
        self._total = 0
        self._widths: dict[str, int] = {}
        self._headed = False
        self._columns = key_columns
        self._lit: dict[str, float] = {}
        """Until when each key is lit."""

    def is_shown(self, keys: tuple[KeyRow, ...], endpoints: tuple[EndpointRow, ...]) -> bool:
        """True if these are the rows that are shown, and nothing is lit."""
        return (keys, endpoints) == (self._keys, self._endpoints) and not self._lit

    def take(self, keys: tuple[KeyRow, ...], endpoints: tuple[EndpointRow, ...], jobs: int) -> None:
        """Take the rows of a run of `jobs`; `rows_changed` paints them. A key that sent since the last call
        is lit for LIT_S.

        Endpoints have headings where there are several, or the only one was ever in trouble.
        """
        before = self._identity()
        troubled = any(row.state is not EndpointState.UP for row in endpoints)
        self._headed = bool(endpoints) and (self._headed or len(endpoints) > 1 or troubled)
        self._rows = grouped(keys, endpoints if self._headed else ())
        self._light(keys)
        self._sent = {row.label: row.sent for row in keys}
        self._total = sum(row.sent for row in keys)
        self._keys, self._endpoints = keys, endpoints
        columns = self._columns(keys, jobs)
        self._widths = {column.key: column.width for column in columns}
        self.set_columns(columns)
        self.place_cursor(self._index_of(before))

    def _light(self, keys: Sequence[KeyRow]) -> None:
        now = self._clock()
        self._lit = {label: until for label, until in self._lit.items() if until > now}
        self._lit |= {
            row.label: now + LIT_S for row in keys if row.sent > self._sent.get(row.label, row.sent)
        }

    def review(self, ended: bool) -> None:
        """Show what the keys did over a run that has `ended`, or what they do now; before `take`."""
        columns = past_columns if ended else key_columns
        if columns is not self._columns:
            self._columns = columns
            self._keys = ()

    @property
    def under_cursor(self) -> KeyRow | EndpointRow | None:
        """What the cursor is on."""
        return self._rows[self.cursor_row] if self.cursor_row < len(self._rows) else None

    def _identity(self) -> tuple[type, str] | None:
        """The name of what the cursor is on."""
        row = self.under_cursor
        return None if row is None else (type(row), name_of(row))

    def _index_of(self, identity: tuple[type, str] | None) -> int:
        """The index that keeps the cursor on the same row; headings come and go."""
        if identity == self._identity():
            return self.cursor_row
        places = (at for at, row in enumerate(self._rows) if (type(row), name_of(row)) == identity)
        return next(places, self.cursor_row)

    # What LineTable calls.

    def row_count(self) -> int:
        return len(self._rows)

    def row_at(self, index: int) -> tuple[Cell, ...] | WholeLine:
        row = self._rows[index]
        if isinstance(row, EndpointRow):
            return WholeLine(endpoint_cells(row, self.scrollable_content_region.width))
        at_cursor = self.has_focus and index == self.cursor_row
        return key_cells(row, self._widths, self._total, lit=row.label in self._lit, at_cursor=at_cursor)

    def cell_at(self, row: tuple[Cell, ...], key: str) -> Cell:
        return row[CELLS.index(key)]

    def whole_line(self, row: tuple[Cell, ...] | WholeLine, width: int) -> tuple[Cell, ...] | None:
        return row.cells if isinstance(row, WholeLine) else None
