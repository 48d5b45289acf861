"""The temporary file of a draft; where the next one is made, those of killed processes are removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path

__all__ = ["is_at", "is_locked", "new_draft_file"]

_PREFIX = ".llmdash-"
_NAME = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}")


def new_draft_file(folder: Path) -> tuple[int, Path]:
    """Make a temporary file in `folder`, mode 0600, for as long as its descriptor is open. Raises OSError.

    It is locked: so the file of a process that is gone is told from that of one at work.
    """
    _remove_abandoned(folder)
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        if is_locked(descriptor) and is_at(descriptor, Path(name)):
            return descriptor, Path(name)
        os.close(descriptor)  # another process has taken it for abandoned, and removes it


def is_locked(descriptor: int) -> bool:
    """Lock a file, where the file system has locks. Return False if another process has it locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # then nothing is removed here either
        return True
    return True


def _remove_abandoned(folder: Path) -> None:
    """Remove the drafts of this user that nobody writes."""
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for each in found:
            if _NAME.fullmatch(each.name):
                with contextlib.suppress(OSError):  # written, gone, or not ours
                    _remove(Path(each.path))


def _remove(path: Path) -> None:
    """Remove a draft. Raises OSError where another process holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        known = os.fstat(descriptor)
        if stat.S_ISREG(known.st_mode) and known.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                path.unlink()
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Return True if the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
