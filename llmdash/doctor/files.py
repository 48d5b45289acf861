"""The files of a run's folder: their modes, and what a crash left behind."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from llmdash.doctor.findings import Finding, Level
from llmdash.engine.journal.belongings import belongs
from llmdash.engine.journal.file import NAME
from llmdash.engine.model.counts import counted

__all__ = [
    "BACKUP",
    "SALVAGE",
    "check_files",
    "check_folder",
    "leftovers",
    "may_close",
    "open_to_others",
    "orphans",
]

BACKUP = f"{NAME}.before-repair-"
SALVAGE = ".llmdash-salvage-"

_OTHERS = 0o077
_LITTLE_ROOM = 100 * 1024 * 1024  # bytes
_NO_ROOM = 4 * 1024 * 1024
_STALE_S = 600.0
_DRAFT = re.compile(r"\.llmdash-[a-z0-9_]{8}")


def check_folder(folder: Path) -> Iterator[Finding]:
    """Check the folder itself: does it exist, is it writable, is it private, is there room on the disk."""
    if not folder.is_dir():
        yield Finding(Level.PROBLEM, "folder", f"{folder}: is not a folder", "name the folder of a run")
        return
    free = shutil.disk_usage(folder).free
    mode = stat.S_IMODE(folder.stat().st_mode)
    room = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.0f} MB free"
    yield Finding(Level.OK, "folder", f"{folder}, mode {mode:04o}, {room}")
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(Level.PROBLEM, "folder", "cannot be written to", f"chmod u+rwx {folder}")
    if free < _LITTLE_ROOM:
        level = Level.PROBLEM if free < _NO_ROOM else Level.WARNING
        yield Finding(level, "disk", f"only {room}", "make room, or move the folder to another disk")
    if mode & _OTHERS:
        ours = may_close(folder)
        fix = "made private" if ours else f"it holds other files too; if you want that: chmod 700 {folder}"
        yield Finding(Level.WARNING, "folder", "others can read it", fix, fixable=ours)


def may_close(folder: Path) -> bool:
    """True if nothing but a run is in the folder, so that its mode may be changed."""
    return all(belongs(path.name) for path in folder.iterdir())


def check_files(folder: Path, *, held: bool) -> Iterator[Finding]:
    """Check the files in the folder, except the content of the journal."""
    loose = open_to_others(folder)
    if loose:
        names = ", ".join(path.name for path in loose[:3])
        yield Finding(Level.WARNING, "files", f"others can read {names}", "mode 0600", fixable=not held)
    for path in orphans(folder):
        yield Finding(
            Level.WARNING, "files", f"{path.name} is left without its journal", "set aside", fixable=True
        )
    left = [] if held else leftovers(folder)
    if left:
        yield Finding(
            Level.WARNING,
            "files",
            f"{counted(len(left), 'unfinished file')} of a crash",
            "removed",
            fixable=True,
        )
    backups = sorted(folder.glob(f"{BACKUP}*"))
    if backups:
        size = sum(path.stat().st_size for path in backups) / 1e6
        text = f"copies from before earlier repairs, {size:,.1f} MB: {folder / BACKUP}*"
        yield Finding(Level.OK, "files", text)


def open_to_others(folder: Path) -> list[Path]:
    """Return the files of the run that other users can read or write."""
    kept = [path for path in sorted(folder.iterdir()) if belongs(path.name)]
    return [path for path in kept if path.is_file() and path.stat().st_mode & _OTHERS]


def orphans(folder: Path) -> list[Path]:
    """Return the files that SQLite keeps beside a journal, where there is no journal."""
    if (folder / NAME).exists():
        return []
    return [path for end in ("-wal", "-shm", "-journal") if (path := folder / f"{NAME}{end}").exists()]


def leftovers(folder: Path) -> list[Path]:
    """Return files that a crash left unfinished: exports not written to for a while, and repairs."""
    before = time.time() - _STALE_S
    drafts = [path for path in folder.iterdir() if _DRAFT.fullmatch(path.name) and path.is_file()]
    return sorted(
        [path for path in drafts if path.stat().st_mtime < before] + list(folder.glob(f"{SALVAGE}*"))
    )
