"""What makes a terminal call its user: a bell, or a notification of the desktop where it has them.

Which sequence a terminal knows is told by the variables that it sets itself, and by `TERM`, which also
crosses ssh. Inside of tmux and screen there is the bell alone, which they pass on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmdash.sanitize import clean_line

__all__ = ["BELL", "attention"]

BELL: Final = "\a"
_LONGEST: Final = 160
_END: Final = "\x1b\\"


def attention(title: str, text: str, environ: Mapping[str, str]) -> str:
    """Return what to write to a terminal with these variables to show a notification, else the bell."""
    if environ.get("TMUX") or environ.get("STY"):
        return BELL
    terminal = environ.get("TERM", "").lower()
    program = (environ.get("TERM_PROGRAM") or environ.get("LC_TERMINAL") or "").lower()
    for known, write in _KNOWN.items():
        if known in program or known in terminal:
            return write(_plain(title), _plain(text))
    return BELL


def _plain(text: str) -> str:
    """Text that ends no sequence and parts no fields of one."""
    return clean_line(text).replace(";", ",")[:_LONGEST]


def _osc9(title: str, text: str) -> str:
    return f"\x1b]9;{title}: {text}{_END}"


def _osc777(title: str, text: str) -> str:
    return f"\x1b]777;notify;{title};{text}{_END}"


def _osc99(title: str, text: str) -> str:
    return f"\x1b]99;i=llmdash:d=0;{title}{_END}\x1b]99;i=llmdash:p=body;{text}{_END}"


_KNOWN: Final[Mapping[str, Callable[[str, str], str]]] = {
    "iterm": _osc9,
    "wezterm": _osc777,
    "ghostty": _osc777,
    "rxvt": _osc777,
    "foot": _osc777,
    "kitty": _osc99,
}
"""How the terminals with notifications take one; a part of their name is enough."""
