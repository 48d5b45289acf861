"""Waiting for what has to come about, however busy the machine is, in place of pauses of a fixed length."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["LONGEST_S", "PATIENCE_S", "first", "has_ended", "wait_for"]

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long what has to come about may take. Only a test that fails takes so long."""

LONGEST_S = 120.0
"""How long a whole run of a program may take that is not looked at meanwhile."""

_LOOK_S = 0.01


def first(
    look: Callable[[], T],
    holds: Callable[[T], object],
    what: str = "it",
    *,
    within_s: float = PATIENCE_S,
    every_s: float = _LOOK_S,
) -> T:
    """Look again and again, for the first thing seen of which `holds` is true; fails if there is none."""
    until = time.monotonic() + within_s
    while not holds(seen := look()):
        assert time.monotonic() < until, f"waited in vain for {what}; seen last: {seen!r:.500}"
        time.sleep(every_s)
    return seen


def wait_for(
    holds: Callable[[], object],
    what: str = "it",
    *,
    within_s: float = PATIENCE_S,
    every_s: float = _LOOK_S,
) -> None:
    """Look again and again until it holds; fails if it never does."""
    first(holds, bool, what, within_s=within_s, every_s=every_s)


def has_ended(pid: int) -> bool:
    """True once a process has ended; a zombie that its new parent has yet to reap has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
