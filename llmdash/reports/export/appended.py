"""AppendedFile: a file that grows by whole lines, or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from llmdash.reports.export.draft import is_stream

__all__ = ["AppendedFile", "is_appended_to"]


def is_appended_to(path: Path) -> bool:
    """Return True for a file that is open as an AppendedFile, in whatever process of this machine."""
    if is_stream(path):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(file)
    return False


class AppendedFile:
    """The file at `path` while it is open. After an append that failed it is as it was before.

    Its methods raise OSError; `close` does not, and may be called again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._size = 0

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._file is not None

    def open(self) -> None:
        """Open the file, which has to be there, for more lines."""
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, lines: bytes) -> None:
        """Write lines; when they are on disk is left to the system."""
        self._write(self._own(), lines)
        self._size += len(lines)

    def append_durably(self, lines: bytes) -> None:
        """Write lines, and wait until they are on disk."""
        file = self._own()
        self._write(file, lines)
        try:
            os.fsync(file)
        except OSError:
            self._undo(file)
            raise
        self._size += len(lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _own(self) -> int:
        """The open file, as long as it is the one that `path` names."""
        if self._file is None or not os.path.samestat(self._path.stat(), os.fstat(self._file)):
            raise FileNotFoundError(errno.ENOENT, "the file was replaced or is gone", str(self._path))
        return self._file

    def _write(self, file: int, lines: bytes) -> None:
        try:
            if os.write(file, lines) != len(lines):
                raise OSError(errno.ENOSPC, "no room for more", str(self._path))
        except OSError:
            self._undo(file)
            raise

    def _undo(self, file: int) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(file, self._size)  # half a line is worse than none
