"""The lock of a run's folder: one process a run; the system releases it when the process ends."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from llmdash.sanitize import shell_word

__all__ = ["ENDED", "DeletedError", "LockedError", "RunLock", "has_ended", "holder_of"]

NAME = "lock"
ENDED = "ended"
"""What the file says in place of a process once a run has ended in order: also where its disk is full."""
_LONGEST = 32
_TRIES = 5
_LOOKED_AT_S = 20.0
"""Seconds for which lookers may keep a run from starting: a look takes the lock for some microseconds, but
whoever looks may be stopped within them.
"""
_AGAIN_S = 0.02


class LockedError(Exception):
    """Another process works on this run; the text says which."""


class DeletedError(LockedError):
    """Another process has deleted the run while its lock was waited for."""


class RunLock:
    """Holds the lock of a run's folder until `release`.

    Raises LockedError at once if another process has it, DeletedError if it has deleted the run with it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        if path.is_symlink():
            raise LockedError(f"{path}: is a link, which is not followed; remove it, and look what it is for")
        self._file = _locked(folder, path)
        if not _is_at(self._file, path):
            os.close(self._file)
            raise DeletedError(f"{folder}: the run was deleted while it started; start it again")
        self._before = os.read(self._file, _LONGEST)
        self._say(str(os.getpid()).encode())

    def release(self) -> None:
        """Release the lock; the file says again what it said before."""
        self._release(self._before)

    def end(self) -> None:
        """Release the lock of a run that has ended in order."""
        self._release(ENDED.encode())

    def abandon(self) -> None:
        """Release the lock of a run that was broken off; the file goes on to name this process."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _release(self, says: bytes) -> None:
        if self._file >= 0:
            self._say(says)
            self.abandon()

    def _say(self, text: bytes) -> None:
        """Write to the file, in the room that it has already where the disk is full."""
        with suppress(OSError):  # the lock holds without it
            os.pwrite(self._file, text, 0)
            os.ftruncate(self._file, len(text))


def _locked(folder: Path, path: Path) -> int:
    """Open and lock the file at `path`. Raises LockedError, OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise LockedError(f"{path}: is no file; remove it, and look what it is for")
    try:
        _take(file)
    except BlockingIOError:
        holder = _process_in(file)
        os.close(file)
        raise LockedError(
            f"{folder}: process {holder or '(unknown)'} works on this run; watch it with: llmdash attach "
            f"{shell_word(folder)}"
        ) from None
    except OSError as error:
        os.close(file)
        raise LockedError(
            f"{folder}: the run cannot be locked here ({error.strerror}); choose another --run-dir"
        ) from None
    return file


def _is_at(file: int, path: Path) -> bool:
    """True if the open `file` is still the one at `path`: a lock of a deleted one keeps nobody out."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def _take(file: int) -> None:
    """Take the lock. Raises BlockingIOError if another process keeps it, OSError where there are no locks."""
    tries, end = _TRIES, time.monotonic() + _LOOKED_AT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tries -= not _is_only_looked_at(file)
            if not tries or time.monotonic() >= end:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _is_only_looked_at(file: int) -> bool:
    """Return True if nobody but lookers has the lock: these share it."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def holder_of(folder: Path) -> str | None:
    """Return the process id that works on the run (`?` if it is not known); None if none does."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _process_in(file) or "?"
    except OSError:
        return None
    finally:
        os.close(file)
    return None


def has_ended(folder: Path) -> bool:
    """Return True if the last process that worked on the run has ended it in order."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.read(file, _LONGEST) == ENDED.encode()
    except OSError:
        return False
    finally:
        os.close(file)


def _process_in(file: int) -> str:
    """The process id that the file says; empty if it says none yet."""
    said = os.read(file, _LONGEST).decode("ascii", "replace").strip()
    return "" if said == ENDED else said
