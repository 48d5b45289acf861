"""Atomic files: a file is replaced as a whole, or stays as it was."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from llmdash.reports.export.draft_file import new_draft_file
from llmdash.sanitize import clean_line

__all__ = [
    "Draft",
    "ExportError",
    "FormatError",
    "TakenError",
    "check_place",
    "holds_something",
    "is_stream",
    "shown",
]

_BUFFER = 1 << 20
_OF_THE_SYSTEM = (Path("/dev"), Path("/proc"))
"""Folders of devices and open descriptors, such as /dev/stdout: a temporary file has no place in them."""
_OPEN_ONE = re.compile(r"/dev/(?P<name>stdout|stderr)|(?:/dev|/proc/self)/fd/(?P<number>\d+)")


class ExportError(Exception):
    """Results that cannot be written. The text is one line: the file, the reason, the fix."""


class FormatError(ExportError):
    """A format that is not known, or that needs something which is not installed."""


class TakenError(ExportError):
    """A file that holds something which writing the results would destroy."""


def is_stream(path: Path) -> bool:
    """Return True for what is written to and never replaced: a device, a pipe, a FIFO, an open descriptor."""
    absolute = path.absolute()
    if any(absolute.is_relative_to(folder) for folder in _OF_THE_SYSTEM):
        return True
    try:
        return not (stat.S_ISREG(kind := path.stat().st_mode) or stat.S_ISDIR(kind))
    except OSError:
        return False


def holds_something(path: Path) -> bool:
    """Return True for a regular file with bytes in it."""
    try:
        return not is_stream(path) and path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def shown(path: Path) -> str:
    """Return the name of a file, safe for a message."""
    return clean_line(str(path))


def _failed(path: Path, error: OSError) -> str:
    return f"{shown(path)}: cannot be written ({error.strerror or error}); fix that, or choose another place"


def check_place(path: Path) -> None:
    """Check that a file can be written at `path`, and leave nothing behind. Raises ExportError."""
    try:
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise ExportError(f"{shown(path)}: cannot be written to; choose another name")
            return
        target = path.resolve()
        if target.is_dir():
            raise ExportError(f"{shown(path)}: is a folder; name a file in it, such as results.jsonl")
        if not target.parent.is_dir():
            raise ExportError(f"{shown(path)}: its folder does not exist; create it, or choose another")
        with contextlib.suppress(FileNotFoundError):
            target.stat()  # from Python 3.14 on, exists() takes a name that is too long for one that is free
        if target.exists() and not os.access(target, os.W_OK):
            raise ExportError(f"{shown(path)}: is write-protected; choose another name")
        descriptor, probe = new_draft_file(target.parent)
        probe.unlink()
        os.close(descriptor)
    except OSError as error:
        raise ExportError(_failed(path, error)) from None


class Draft:
    """A temporary file beside its target, mode 0600; `keep` renames it to the target.

    A target that is a stream is written to directly. Any other is synced to disk before the rename, so that
    it is never half written. A draft that is not kept by the end of the `with` is deleted; where the process
    is killed before, the next draft beside it removes that one. Every OSError
    becomes an ExportError that names the target, also those raised in the `with` block.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_stream = is_stream(path)
        self._is_finished = False
        try:
            if self._is_stream:
                self._target = self._draft = path
                descriptor = _opened(path)
            else:
                self._target = path.resolve()
                descriptor, self._draft = new_draft_file(self._target.parent)
        except OSError as error:
            raise ExportError(_failed(path, error)) from None
        self.file = open(descriptor, "wb", buffering=_BUFFER)  # noqa: PTH123, SIM115 - __exit__() closes it

    def write(self, data: bytes) -> None:
        """Write to the file; where several drafts are open, an error names the right one."""
        try:
            self.file.write(data)
        except OSError as error:
            raise ExportError(_failed(self._path, error)) from None

    def finish(self) -> None:
        """Sync the file to disk; after that only `keep` may be called. It stays open, and so locked."""
        try:
            self.file.flush()
            if not self._is_stream:
                os.fsync(self.file.fileno())
            self._is_finished = True
        except OSError as error:
            raise ExportError(_failed(self._path, error)) from None

    def keep(self) -> None:
        """Rename the file to its target, finished or not."""
        if not self._is_finished:
            self.finish()
        if self._is_stream:
            return
        try:
            self._draft.replace(self._target)
            self.file.close()  # with its lock: the file is that of whoever opens it next
            _sync_folder(self._target.parent)
        except OSError as error:
            raise ExportError(_failed(self._path, error)) from None

    def clear_place(self) -> None:
        """Remove the target."""
        if self._is_stream:
            return
        try:
            self._target.unlink()
            _sync_folder(self._target.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ExportError(_failed(self._path, error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the buffer of a failed file is dropped
            self.file.close()
        if not self._is_stream:
            with contextlib.suppress(OSError):  # gone after the rename
                self._draft.unlink()
        if isinstance(error, OSError):
            raise ExportError(_failed(self._path, error)) from None


def _opened(path: Path) -> int:
    """A descriptor of a stream. One that is open already is shared, with its place in the file behind it."""
    match = _OPEN_ONE.fullmatch(str(path))
    if match is None:
        return os.open(path, os.O_WRONLY)
    return os.dup(int(match["number"]) if match["number"] else 1 + (match["name"] == "stderr"))


def _sync_folder(folder: Path) -> None:
    """Sync a rename to disk; without it a crash may bring the old file back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
