"""Repairs a run: fixes what a checkup found, after a backup of the journal."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from llmdash.doctor.check import (
    NEVER_BEGUN,
    KnownOf,
    Unusable,
    begun_at,
    check,
    facts_in,
    has_version,
    look,
    read_whole,
    vouched,
)
from llmdash.doctor.files import BACKUP, leftovers, may_close, open_to_others, orphans
from llmdash.doctor.findings import Checkup, Finding, Known
from llmdash.doctor.invariants import SENT, apply_repairs, register_sql_functions, rules_for
from llmdash.doctor.salvage import salvage
from llmdash.engine.journal.file import NAME, VERSION, JournalError
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.journal.totals import recounted_facts

__all__ = ["RepairError", "repair"]

_COPIES = 3
_SPARE = 16 * 1024 * 1024  # bytes


class RepairError(Exception):
    """A repair that could not be made; the text says why. The backup made before it is kept."""


def repair(folder: Path, known_of: KnownOf) -> tuple[list[str], Checkup]:
    """Fix what can be fixed. Returns what was done, a sentence each, and a checkup made after it.

    Repairing twice does nothing the second time. Raises LockedError while another process works on the run,
    RepairError if the disk does not allow it.
    """
    found = check(folder, known_of)
    if not found.fixable and found.holder is None:
        return [], found
    try:
        lock = RunLock(folder)
    except OSError as error:
        raise RepairError(f"{folder}: cannot be written to ({error.strerror})") from None
    try:
        done = _repair(folder, known_of)
    except (OSError, sqlite3.Error, JournalError) as error:
        raise RepairError(f"{folder}: the repair could not be made ({error})") from None
    finally:
        lock.release()
    return done, check(folder, known_of)


def _repair(folder: Path, known_of: KnownOf) -> list[str]:
    done = _close(folder) + _clear(folder)
    path = folder / NAME
    if not path.exists():
        return done
    trouble = _trouble(folder)
    if trouble is NEVER_BEGUN:
        return [*done, *_set_aside(folder)]
    if trouble is not None and not trouble.fixable:
        return done
    _make_sure_of_room(folder)
    backup = _back_up(folder)
    changed = _save(folder) if trouble is not None else []
    changed += _repair_rows(folder, known_of)
    if changed:
        return [*done, f"the old journal is kept as {backup}", *changed]
    for copy in folder.glob(f"{backup.name}*"):
        copy.unlink()
    return done


def _close(folder: Path) -> list[str]:
    """Remove the permissions of other users."""
    done = []
    if folder.stat().st_mode & 0o077 and may_close(folder):
        folder.chmod(0o700)
        done.append("the folder now has mode 0700")
    for path in open_to_others(folder):
        path.chmod(0o600)
        done.append(f"{path.name} now has mode 0600")
    return done


def _clear(folder: Path) -> list[str]:
    """Remove or rename what crashes left behind."""
    done = []
    for path in leftovers(folder):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        done.append(f"{path.name}, unfinished, was removed")
    for path in orphans(folder):
        aside = _aside(folder).with_name(_aside(folder).name + path.name.removeprefix(NAME))
        path.rename(aside)
        done.append(f"{path.name}, without its journal, is now {aside.name}")
    return done


def _aside(folder: Path) -> Path:
    """An unused name for the backup of the journal."""
    stem = f"{BACKUP}{datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while list(folder.glob(f"{stem}{f'-{number}' if number > 1 else ''}*")):
        number += 1
    return folder / (stem if number == 1 else f"{stem}-{number}")


def _trouble(folder: Path) -> Finding | None:
    """The finding about the file as a whole, if there is one."""
    try:
        with look(folder, held=False) as db:
            list(read_whole(db, folder))
    except Unusable as error:
        return error.finding
    return None


def _set_aside(folder: Path) -> list[str]:
    """Move an empty journal out of the way."""
    aside = _aside(folder)
    for path in sorted(folder.glob(f"{NAME}*")):
        if not path.name.startswith(BACKUP):
            path.rename(aside.with_name(aside.name + path.name.removeprefix(NAME)))
    return [f"the empty journal is now {aside}"]


def _make_sure_of_room(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.glob(f"{NAME}*") if not path.name.startswith(BACKUP))
    needed, free = _COPIES * size + _SPARE, shutil.disk_usage(folder).free
    if free < needed:
        raise RepairError(
            f"{folder}: a repair needs {needed / 1e6:,.0f} MB of room, and {free / 1e6:,.0f} MB are free"
        )


def _back_up(folder: Path) -> Path:
    """Copy the journal and the files that SQLite keeps beside it."""
    backup = _aside(folder)
    for end in ("", "-wal", "-shm", "-journal"):
        if (source := folder / f"{NAME}{end}").exists():
            copy = backup.with_name(backup.name + end)
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            shutil.copyfile(source, copy)
    return backup


def _save(folder: Path) -> list[str]:
    """Salvage a damaged journal."""
    kept = salvage(folder)
    rows = ", ".join(f"{number:,} of {table}" for table, number in kept.items())
    return [f"the journal was damaged; what could be read is in a new one: rows kept {rows}"]


def _repair_rows(folder: Path, known_of: KnownOf) -> list[str]:
    """Repair the rows, in one transaction."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None, timeout=10.0)) as db:
        db.text_factory = lambda value: value.decode("utf-8", "replace")
        db.execute("BEGIN IMMEDIATE")
        facts = facts_in(db)
        known = known_of(facts)
        register_sql_functions(db, vouched(facts, known), begun_at(facts))
        done = _repair_facts(db, facts, known)
        done += apply_repairs(db, (*rules_for(db), SENT))
        totals = recounted_facts(db, facts)
        db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", totals.items())
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


def _repair_facts(db: sqlite3.Connection, facts: Mapping[str, Any], known: Known | None) -> list[str]:
    done = []
    if not has_version(facts):
        db.execute("INSERT OR REPLACE INTO run VALUES ('version', ?)", (VERSION,))
        done.append(f"the version of the journal was lost: taken for {VERSION}")
    jobs = vouched(facts, known)
    if jobs is not None and jobs != facts.get("jobs"):
        db.execute("INSERT OR REPLACE INTO run VALUES ('jobs', ?)", (jobs,))
        done.append(f"the number of jobs was wrong: {jobs:,} by the input")
    return done
