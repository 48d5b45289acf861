"""The limits of a key, typed in its own line: requests and tokens a minute, and requests at once."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import KeyRow
from llmdash.ui.tables.row_painter import HEADER, MUTED, ROW, Cell
from llmdash.ui.text.format import fit, si

__all__ = ["EDITED", "KeyLimits", "LimitEditor"]

EDITED: Final = "key-panel--edited"
_CURSOR: Final = "▏"
_NAMES: Final = ("rpm", "tpm", "max")
_WORDS: Final = ("requests a minute", "tokens a minute", "requests at once")
_LONGEST: Final = 7
_UNITS: Final = {"k": 1e3, "M": 1e6}
_NUMBER: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([kM]?)")


class KeyLimits(NamedTuple):
    """Requests and tokens a minute, and requests at once; None is no limit."""

    rpm: float | None
    tpm: float | None
    concurrency: int | None


class LimitEditor:
    """Three fields in a line. Tab or a click goes on to another, enter sets them, escape leaves all as it is.

    A number may end in `k` or `M`; an empty field, or a dash, is no limit.
    """

    def __init__(self, key: KeyRow) -> None:
        self.label = key.label
        limits = (key.rpm_limit, key.tpm_limit, key.concurrency_limit)
        self._texts = ["" if limit is None else f"{limit:.10g}" for limit in limits]
        self._field = 0
        self._untouched = True

    def press(self, key: str, character: str) -> bool:
        """Type a key; return True if it has a meaning here."""
        if key in ("tab", "right", "shift+tab", "left"):
            self._field = (self._field + (1 if key in ("tab", "right") else -1)) % len(self._texts)
            self._untouched = True
            return True
        text = self._texts[self._field]
        if key == "backspace":
            self._texts[self._field] = text[:-1]
        elif len(character) == 1 and character in "0123456789.kM-–":
            self._texts[self._field] = (("" if self._untouched else text) + character)[:_LONGEST]
        else:
            return False
        self._untouched = False
        return True

    @property
    def hint(self) -> str:
        """What the field is that is typed in, and how to leave it."""
        return f"{_WORDS[self._field]}, – for no limit · tab next  ⏎ set  esc leave"

    def go_to(self, x: int) -> bool:
        """Type in the field at that cell of the line; return False where there is none."""
        begin = 0
        for place, cell in enumerate(self.cells()):
            end = begin + cell_len(cell.text)
            if begin <= x < end and place > 0:
                self._field, self._untouched = (place - 1) // 2, True
                return True
            begin = end
        return False

    def limits(self) -> KeyLimits:
        """Return what is typed. Raises ValueError with the field that is no limit, and what can be typed."""
        rpm, tpm, at_once = map(_parsed, _NAMES, self._texts)
        return KeyLimits(rpm, tpm, None if at_once is None else max(1, round(at_once)))

    def cells(self) -> tuple[Cell, ...]:
        """Return the line."""
        cells = [Cell(f" {self.label}")]
        for at, (name, text) in enumerate(zip(_NAMES, self._texts, strict=True)):
            is_here = at == self._field
            shown = f"{text}{_CURSOR}" if is_here else text or "–"
            cells += [
                Cell(f" {name} ", HEADER if is_here else MUTED),
                Cell(fit(shown, _LONGEST + 1 if is_here else max(4, len(shown))), EDITED if is_here else ROW),
            ]
        return tuple(cells)


def _parsed(name: str, text: str) -> float | None:
    if text in ("", "-", "–"):
        return None
    found = _NUMBER.fullmatch(text)
    value = float(found[1]) * _UNITS.get(found[2], 1.0) if found else 0.0
    if value <= 0:
        raise ValueError(
            f"{name}: {text} is no limit; type a number such as 500 or {si(200_000).strip()}, or –"
        )
    return value
