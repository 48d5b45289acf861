"""The exit codes of every command; scripts rely on them."""

from __future__ import annotations

import enum

__all__ = ["ExitCode", "of_signal"]


class ExitCode(enum.IntEnum):
    """The exit code of the program, if no signal ended it."""

    DONE = 0
    INTERNAL = 1
    """llmdash itself crashed."""
    USAGE = 2
    """The command line, a setting or the input cannot be used."""
    FAILED = 3
    """Some jobs failed."""
    KILL_SWITCH = 4
    """The requests are refused, all alike or most of them."""
    NO_KEY = 5
    """No usable key, endpoint or worker is left."""
    LOCKED = 6
    """Another process works on the run."""
    STORAGE = 7
    """The journal or the results cannot be written."""
    LEFT_OUT = 8
    """All jobs are done, but lines of the input were left out."""
    HELD = 9
    """The run is held by a trial or a budget, or no batch takes what is left."""
    BATCHED = 10
    """Jobs are with a provider, in batches."""


def of_signal(number: int) -> int:
    """Return the code of a program that signal `number` ended: 128 + `number`, as in shells."""
    return 128 + number
