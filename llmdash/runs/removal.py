"""Deletes kept runs: never a living one, and nothing in their folders that llmdash has not made."""

from __future__ import annotations

import errno
import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from llmdash import locations
from llmdash.crash import HEADING
from llmdash.engine.journal.belongings import CRASH, ENGINE, SPOOL, TOKEN, belongs
from llmdash.engine.journal.file import NAME, JournalError, StorageError
from llmdash.engine.journal.glance import glance
from llmdash.engine.journal.lock import NAME as LOCK
from llmdash.engine.journal.lock import DeletedError, RunLock
from llmdash.lean_dataclass import dataclass

__all__ = ["GoneError", "Removed", "delete_run"]

_MOST_BYTES = 65_536
"""Of a file, to tell whose it is."""


class GoneError(JournalError):
    """A run that another process has deleted."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a run that was deleted: the `bytes` freed, and the names of files that stay, as they
    are not of the run. The folder stays with them.
    """

    folder: Path
    bytes: int
    left: tuple[str, ...] = ()


def delete_run(folder: Path) -> Removed:
    """Delete the files of a run, and its folder if nothing else is in it; links are not followed.

    Raises LockedError if a process works on it, JournalError if it is a link, GoneError if it is gone,
    StorageError if the disk does not allow it.
    """
    folder = folder.absolute()
    try:
        if folder.is_symlink():
            target = folder.readlink()
            raise JournalError(f"{folder}: is a link to {target}; delete the run there, or remove the link")
        lock = RunLock(folder)
        try:
            return _delete(folder)
        finally:
            lock.release()
    except (FileNotFoundError, NotADirectoryError, DeletedError):
        raise GoneError(f"{folder}: is gone already") from None
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be deleted ({error.strerror}); make it writable, or leave it as it is"
        ) from None


def _delete(folder: Path) -> Removed:
    found = list(_ours(folder))
    for path, _ in found:
        path.unlink(missing_ok=True)
    left = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    # The lock goes last: as long as it is there, no other process takes the folder for its own.
    (folder / LOCK).unlink(missing_ok=True)
    if not left:
        _remove(folder)
    return Removed(folder, sum(size for _, size in found), tuple(left))


def _ours(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of the run and their sizes in bytes: the journal first, without which nothing is a run."""
    others = _of_others(folder)
    for path in sorted(folder.iterdir(), key=lambda path: (path.name != NAME, path.name)):
        known = path.lstat()
        if path.name == LOCK or not belongs(path.name) or stat.S_ISDIR(known.st_mode):
            continue
        if path.name not in others and not (path.name.partition(".")[0] == SPOOL and SPOOL in others):
            yield path, known.st_size


def _of_others(folder: Path) -> frozenset[str]:
    """Names that belong to a run, and in this folder are of files of the user's: what is in them says so."""
    no_engine = not _names_an_engine(folder / ENGINE)
    doubtful = {
        SPOOL: not _spooled(folder),
        ENGINE: no_engine,
        TOKEN: no_engine,
        CRASH: not _begin(folder / CRASH).startswith(HEADING.encode()),
    }
    return frozenset(name for name, is_of_others in doubtful.items() if is_of_others)


def _spooled(folder: Path) -> bool:
    """True if `input` in the folder is a copy of standard input: in a folder of ours, or on record.

    In any other folder it is a file of the user's.
    """
    if folder.parent.resolve() == locations.runs_dir().resolve():
        return True
    try:
        with glance(folder, held=True) as db:
            found = db.execute("SELECT value FROM run WHERE name = 'spooled'").fetchone()
    except sqlite3.Error:
        return False
    return bool(found and found[0])


def _names_an_engine(path: Path) -> bool:
    try:
        found = json.loads(_begin(path))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "pid" in found


def _begin(path: Path) -> bytes:
    """The first bytes of a file; none of what is no file, or may not be read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EINVAL):
            raise
