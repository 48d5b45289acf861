"""The same picture in fewer bytes: a terminal is told only what differs from how it writes already."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["lean"]

_STYLES: Final = re.compile(r"\x1b\[([\d;]*)m")
_MOVES: Final = re.compile(r"(?:\r\n|\x1b\[\d+;\d+H)*")
_COLOUR: Final = r"8;(?:2;\d+;\d+;\d+|5;\d+)"
_STYLE: Final = re.compile(
    rf"((?:[1-9];)*)((?:3{_COLOUR}|3[0-79]|9[0-7]);)?((?:4{_COLOUR}|4[0-79]|10[0-7]);)?"
)


class _Style(NamedTuple):
    """How a terminal writes: attributes such as bold, colour of the text and of the background. Each is what
    sets it, with a `;` behind, empty for what is usual.
    """

    attributes: str = ""
    text: str = ""
    ground: str = ""


_PLAIN: Final = _Style()


def lean(data: str) -> str:
    r"""Return what shows the same as `data`, which begins and ends as plain as a terminal is after a reset.

    >>> lean("\x1b[31;40ma\x1b[0m\x1b[32;40mb\x1b[0m")
    '\x1b[31;40ma\x1b[32mb\x1b[0m'
    """
    pieces = _STYLES.split(data)
    if len(pieces) < 4:
        return data
    shown = wanted = _PLAIN
    written = [pieces[0]]
    for codes, text in zip(pieces[1::2], pieces[2::2], strict=True):
        found = _parsed(codes)
        if found is None or (found is not _PLAIN and wanted is not _PLAIN):
            return data  # a style of another kind, or one on top of another
        wanted = found
        if wanted != shown and _MOVES.fullmatch(text) is None:
            written.append(_change(shown, wanted))
            shown = wanted
        written.append(text)
    if wanted is not _PLAIN:
        return data
    if shown is not _PLAIN:
        written.append("\x1b[0m")
    return "".join(written)


@lru_cache(maxsize=1024)
def _parsed(codes: str) -> _Style | None:
    """Return the style that these codes set on a plain terminal, None where it is not known."""
    if codes in ("", "0"):
        return _PLAIN
    found = _STYLE.fullmatch(f"{codes};")
    return None if found is None else _Style(*(part or "" for part in found.groups()))


@lru_cache(maxsize=4096)
def _change(shown: _Style, wanted: _Style) -> str:
    """Return what takes a terminal from one style to another."""
    from_plain = shown.attributes != wanted.attributes or bool(shown.text and not wanted.text)
    if from_plain or (shown.ground and not wanted.ground):
        codes = "".join(("0;" if shown != _PLAIN else "", *wanted))
    else:
        text = wanted.text if wanted.text != shown.text else ""
        codes = text + (wanted.ground if wanted.ground != shown.ground else "")
    return f"\x1b[{codes.removesuffix(';')}m" if codes else ""
