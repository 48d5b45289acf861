"""The exit codes of every command; scripts count on them."""

from __future__ import annotations

import enum

__all__ = ["ExitCode", "of_signal"]


class ExitCode(enum.IntEnum):
    """What the program ends with, if no signal ended it."""

    DONE = 0
    INTERNAL = 1
    """A fault of llmdash itself."""
    USAGE = 2
    """The command line, a setting or the input cannot be used."""
    FAILED = 3
    """Some jobs failed."""
    KILL_SWITCH = 4
    """The requests are refused, all alike or most of them."""
    NO_KEY = 5
    """No usable key or endpoint is left."""
    LOCKED = 6
    """Another process works on the run."""
    STORAGE = 7
    """The journal or the results cannot be written."""


def of_signal(number: int) -> int:
    """The code of a program that signal `number` ended, as shells count it."""
    return 128 + number
