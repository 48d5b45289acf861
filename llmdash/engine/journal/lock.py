"""The lock of a run's folder: one process a run; the system releases it when the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

__all__ = ["LockedError", "RunLock"]

NAME = "lock"


class LockedError(Exception):
    """Another process works on this run; the text says which."""


class RunLock:
    """Holds the lock of a run's folder until `release`.

    Raises LockedError at once if another process has it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip()
            os.close(self._file)
            raise LockedError(
                f"{folder}: process {holder or '(unknown)'} works on this run; wait for it, or end it first"
            ) from None
        except OSError as error:
            os.close(self._file)
            raise LockedError(
                f"{folder}: the run cannot be locked here ({error.strerror}); choose another --run-dir"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Release the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
