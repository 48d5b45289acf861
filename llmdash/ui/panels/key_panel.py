"""The key panel: the table of keys, why one is not well, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import BindingType

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import KeyState
from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_detail import is_well, name_of, reason_of, record_of, trouble
from llmdash.ui.panels.key_limits import EditableKeys
from llmdash.ui.panels.key_rows import endpoint_cells
from llmdash.ui.text.format import by_words
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["KeyPanel"]

WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
CORNERS: Final = 6
"""Cells of the lower border that hold no text."""
_WEIGHT_KEYS: Final = Binding.Group("Weight")
_NO_KEY: Final = "There is no key under the cursor"


class KeyPanel(EditableKeys):
    """The key panel.

    | Key | Does |
    |---|---|
    | enter | Show the jobs of the key under the cursor. |
    | d | Disable the key under the cursor, or enable it again. |
    | v | Revive it: end its rest or quarantine, or that of an endpoint, at once. |
    | [, ] | Less or more weight. |
    | e | Show what it has failed in. |
    | l | Type its limits in its line: tab or a click to another, enter sets them, escape leaves them. |

    Its lower border says what is wrong with the key under the cursor, or what it has done.
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

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(clock=clock, id=id)
        self._border = PanelBorder(self, "Keys")
        self._warning = ""

    def show(
        self,
        keys: tuple[KeyRow, ...],
        endpoints: tuple[EndpointRow, ...] = (),
        warning: str = "",
        jobs: int = 0,
    ) -> None:
        """Show the keys of a run of `jobs`. A `warning` that is of all keys goes before what is wrong with
        one.
        """
        if self.is_shown(keys, endpoints) and warning == self._warning:
            return
        self._warning = warning
        self.take(keys, endpoints, jobs)
        self._explain()
        self.rows_changed()

    # Why a key is as it is.

    def _explain(self) -> None:
        """Show in the lower border what happened to the key under the cursor, or else to the one in the worst
        state, unless its line shows all of it.
        """
        healthy = sum(row.state is KeyState.HEALTHY for row in self._keys)
        how = f"{healthy} of {len(self._keys)} healthy"
        self._border.show("Keys", how, by_words(self._said(), self.outer_size.width - CORNERS))

    def _said(self) -> str:
        if self.edit_hint:
            return self.edit_hint
        row = self.under_cursor if self.has_focus else trouble(self._rows)
        reason = reason_of(row) if row is not None and not self._fits_line(row) else ""
        if row is not None and self.has_focus and isinstance(row, KeyRow):
            parts = (reason, record_of(row)) if reason or not self._warning else ()
            said = " · ".join(filter(None, parts))
        else:
            said = reason if not self._warning else ""
        return f"{name_of(row)}: {said}" if row is not None and said else self._warning

    def _fits_line(self, row: KeyRow | EndpointRow) -> bool:
        if isinstance(row, KeyRow):
            return cell_len(reason_of(row)) <= self.column_width("detail")
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

    # Keys.

    def row_activated(self) -> None:
        if key := self._key():
            self.post_message(self.Chosen(self, key.label))

    def action_switch(self) -> None:
        if key := self._key():
            self.post_message(self.Toggle(self, key.label))

    def action_errors(self) -> None:
        if key := self._key():
            self.post_message(self.Errors(self, key.label))

    def action_revive(self) -> None:
        row = self.under_cursor
        if row is None:
            self._tell(_NO_KEY)
        elif is_well(row):
            self._tell(f"{clean_line(name_of(row))} is in use: there is nothing to revive")
        elif isinstance(row, EndpointRow):
            self.post_message(self.ReviveEndpoint(self, row.name))
        else:
            self.post_message(self.Revive(self, row.label))

    def action_weigh(self, step: int) -> None:
        key = self._key()
        if key is None:
            return
        steps = [weight for weight in WEIGHTS if (weight > key.weight if step > 0 else weight < key.weight)]
        if steps:
            self.post_message(self.Weigh(self, key.label, min(steps) if step > 0 else max(steps)))
        else:
            self._tell(f"{key.weight:g} is the {'largest' if step > 0 else 'smallest'} weight of a key")

    def _key(self) -> KeyRow | None:
        """The key under the cursor; where it is on none, say so."""
        row = self.under_cursor
        if isinstance(row, KeyRow):
            return row
        self._tell(_NO_KEY)
        return None

    def _tell(self, why: str) -> None:
        """Say why a key did nothing."""
        self.notify(why, markup=False)

    def action_limits(self) -> None:
        if key := self._key():
            self.edit(key)

    def edit_changed(self) -> None:
        self._explain()
