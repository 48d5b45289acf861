"""What a stream of bytes leaves a terminal in: every mode that was switched, not only the ones thought of."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["foreign", "left_changed"]

_AT_FIRST = {"25": "h", "7": "h"}
"""Private modes that are on in a fresh terminal; all others are off."""

_SEQUENCE = re.compile(
    rb"\x1b\[\?(?P<modes>[\d;]+)(?P<set>[hl])"
    rb"|\x1b\[(?P<kitty>[><])\d*u"
    rb"|\x1b\]22;(?P<pointer>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    rb"|\x1b\[(?P<sgr>[\d;:]*)m"
    rb"|\x1b\[(?P<shape>\d*) q"
    rb"|\x1b\[(?P<region>\d+;\d+)r"
    rb"|\x1b\((?P<charset>[^B])"
)

_OWN = re.compile(
    rb"\x1b\[\?[\d;]+(?:[hl]|\$p)"  # private modes, and questions after them
    rb"|\x1b\[[><]\d*u"  # kitty's keyboard protocol
    rb"|\x1b\[[\d;]*[mHABCDJKG]"  # colours, cursor, erasing
    rb"|\x1b\]22;[a-z-]*\x07"  # pointer shape
    rb"|\x1b\[\d* q"
    rb"|\x18"
)
"""All that Textual and llmdash write on purpose, beside text."""

_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def left_changed(raw: bytes) -> list[str]:
    """What is not as in a fresh terminal after all of `raw`, in words; empty if everything is."""
    modes: dict[str, str] = {}
    shown = {"pointer": "default", "sgr": "", "shape": "", "region": "", "charset": ""}
    keyboards = 0
    for match in _SEQUENCE.finditer(raw):
        if match["modes"]:
            modes |= dict.fromkeys(match["modes"].decode().split(";"), match["set"].decode())
        elif match["kitty"]:
            keyboards += 1 if match["kitty"] == b">" else -1
        else:
            name = match.lastgroup or ""
            shown[name] = match[name].decode()
    changed = [f"?{mode}{how}" for mode, how in modes.items() if how != _AT_FIRST.get(mode, "l")]
    usual = {"pointer": ("default",), "sgr": ("", "0"), "shape": ("", "0"), "region": ("",), "charset": ("",)}
    changed += [f"{name} {value}" for name, value in shown.items() if value not in usual[name]]
    return changed + ([f"{keyboards} keyboard modes"] if keyboards > 0 else [])


def foreign(raw: bytes) -> Iterator[str]:
    """Every control character, with its surroundings, that is neither a line end, a bell, nor part of a
    sequence that the dashboard writes itself.
    """
    text = _OWN.sub(b"", raw).decode("utf-8", "replace")
    for match in _CONTROL.finditer(text.replace("\x07", "")):
        yield repr(text[max(0, match.start() - 20) : match.end() + 20])
