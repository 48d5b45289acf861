"""The standard streams: whether a terminal can be drawn on, and what takes the place of closed ones."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["can_draw_on", "moves_cursor", "open_closed_streams"]

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_NO_TERMINALS = frozenset(("dumb", "unknown"))
"""Values of TERM for what cannot move its cursor; rich takes all of them for 80 x 25."""


def can_draw_on(*streams: TextIO) -> bool:
    """Return True if each stream is a terminal that can move its cursor and reports its size.

    A terminal without rows or columns, as in containers and under expect, is none.
    """
    return moves_cursor() and all(map(_has_size, streams))


def moves_cursor() -> bool:
    """Return False if TERM names a terminal that prints control sequences instead of obeying them."""
    return os.environ.get("TERM", "").lower() not in _NO_TERMINALS


def _has_size(stream: TextIO) -> bool:
    try:
        return stream.isatty() and all(os.get_terminal_size(stream.fileno()))
    except (OSError, ValueError):  # ValueError: the stream was closed
        return False


def open_closed_streams() -> None:
    """Open each standard stream that this process was started without on /dev/null.

    Otherwise a file opened later, such as the journal, would get its descriptor, and be written to as output.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor == number:
            os.set_inheritable(descriptor, True)
        setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
