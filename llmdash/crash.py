"""The report of a crash: the error and where, never the values of variables."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from llmdash.sanitize import clean_line

__all__ = ["HEADING", "crash_report"]

HEADING = "llmdash stopped because of a fault of its own."
"""The first line of each report."""
_DEEPEST = 6
"""The number of frames shown, the innermost ones."""
_LONGEST = 300
"""The number of characters of the message shown."""


def crash_report(error: BaseException, redact: Callable[[str], str]) -> str:
    """Return a few plain lines: the type of error, its message without secrets, and the frames."""
    frames = traceback.extract_tb(error.__traceback__, limit=-_DEEPEST)
    message = redact(clean_line(str(error)))[:_LONGEST]
    lines = [
        HEADING,
        f"  {type(error).__name__}: {message}" if message else f"  {type(error).__name__}",
        *(f"  at {_place(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames),
    ]
    return "\n".join(lines)


def _place(filename: str) -> str:
    """The last parts of a path: enough to find the file, without the user's folders."""
    return "/".join(Path(filename).parts[-3:])
