"""The files that belong to a run, among those in its folder."""

from __future__ import annotations

import re

from llmdash.engine.journal.file import NAME

__all__ = ["CRASH", "ENGINE", "SPOOL", "TOKEN", "belongs"]

SPOOL = "input"
"""The copy of standard input."""
ENGINE = "engine.json"
"""How the process that works on the run is reached."""
TOKEN = "engine.token"  # noqa: S105 - a file's name
"""What one has to know to reach it where there are no Unix sockets."""
CRASH = "crash.txt"
"""The report of a crash of its engine."""

_OURS = re.compile(
    rf"{re.escape(NAME)}(-wal|-shm|-journal|\.before-repair-.*|\.version-\d+)?"
    rf"|journal\.new(-wal|-shm|-journal)?|lock|on-end\.log|{re.escape(CRASH)}|{SPOOL}(\.\w+)?|\.llmdash-.*"
    rf"|{re.escape(ENGINE)}|{re.escape(TOKEN)}|\.({re.escape(ENGINE)}|{re.escape(TOKEN)})\.\d+",
    re.DOTALL,
)


def belongs(name: str) -> bool:
    """Return True for the name of a file that llmdash makes in the folder of a run."""
    return _OURS.fullmatch(name) is not None
