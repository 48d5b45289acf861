"""Reads what a list shows of one run: the facts of its journal, and from its lock whether it is alive."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.engine.journal.batch_rows import jobs_in_open_batches
from llmdash.engine.journal.belongings import belongs
from llmdash.engine.journal.file import NAME
from llmdash.engine.journal.glance import glance
from llmdash.engine.journal.lock import has_ended, holder_of
from llmdash.engine.journal.totals import Counted, Totals, totals_in
from llmdash.engine.model.states import RunState
from llmdash.runs.counting import RowCounter
from llmdash.runs.entry import KeptState, RunEntry

__all__ = ["ENDS", "begun_at", "bytes_of", "files_of", "read_entry"]

_FACTS = ("jobs", "name", "title", "tags", "models", "endpoint", "begun_at", "held", "keep", "out", "totals")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LIVING = {RunState.PAUSED.value: KeptState.PAUSED, RunState.DRAINING.value: KeptState.STOPPING}
ENDS = (RunState.DONE.value, RunState.STOPPED.value)
"""The states of a run that has ended, as the totals have them."""


def read_entry(folder: Path, counter: RowCounter) -> RunEntry:
    """Return the run in `folder`; what is wrong with it is in the entry."""
    entry = _read_entry(folder, counter)
    if entry.state is KeptState.DAMAGED and not entry.alive and _is_written(folder):
        return _read_entry(folder, counter)  # its process has started meanwhile
    return entry


def _is_written(folder: Path) -> bool:
    return holder_of(folder) is not None or locations.is_there(Path(f"{folder / NAME}-wal"))


def _read_entry(folder: Path, counter: RowCounter) -> RunEntry:
    holder = holder_of(folder)
    entry = RunEntry(
        folder.name,
        folder,
        folder.name,
        KeptState.RUNNING if holder is not None else KeptState.DAMAGED,
        alive=holder is not None,
        pid=int(holder) if holder is not None and holder.isdecimal() else None,
    )
    with suppress(OSError):
        entry = _with_files(entry)
    try:
        return _read(entry, counter)
    except sqlite3.Error as error:
        if entry.alive and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            return entry  # its writer is at work
        problem = str(error)
    except FileNotFoundError:
        problem = "it has no journal"
    except (OSError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or str(error)
    return replace(entry, state=KeptState.DAMAGED, problem=problem)


def files_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files in `folder` that belong to a run; links are not followed. Raises OSError."""
    with os.scandir(folder) as found:
        for each in found:
            if belongs(each.name) and not each.is_dir(follow_symlinks=False):
                yield each


def bytes_of(folder: Path) -> int:
    """Return the size of the files of a run; 0 if they cannot be read."""
    try:
        return sum(each.stat(follow_symlinks=False).st_size for each in files_of(folder))
    except OSError:
        return 0


def begun_at(facts: Mapping[str, Any]) -> float | None:
    """Return when a run began, in Unix seconds; None if that is not known."""
    value = facts.get("begun_at")
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _with_files(entry: RunEntry) -> RunEntry:
    """The entry with the size of its files, and when the last one was changed."""
    stats = [each.stat(follow_symlinks=False) for each in files_of(entry.folder)]
    changed = [each.st_mtime for each in stats if stat.S_ISREG(each.st_mode)]
    started = min(changed, default=entry.folder.stat().st_mtime)
    return replace(
        entry,
        bytes=sum(each.st_size for each in stats),
        started=started,
        ended=None if entry.alive else max(changed, default=started),
    )


def _read(entry: RunEntry, counter: RowCounter) -> RunEntry:
    if not (entry.folder / NAME).stat().st_size:
        raise sqlite3.DatabaseError("its journal is empty")
    with glance(entry.folder, held=entry.alive) as db:
        facts = _facts(db)
        totals = totals_in(facts)
        is_final = totals is not None and totals.state in ENDS and not entry.alive
        counted = None if is_final else counter.count(db)
        batched = jobs_in_open_batches(db)
    jobs = _number(facts.get("jobs"))
    entry = replace(
        entry,
        title=_text(facts.get("title")) or _text(facts.get("name")) or entry.id,
        tags=_texts(facts.get("tags")),
        jobs=jobs if jobs is not None or totals is None else totals.jobs,
        model=", ".join(dict.fromkeys(_values(facts.get("models")))) or None,
        endpoint=_text(facts.get("endpoint")),
        started=begun_at(facts) or entry.started,
        keep=_text(facts.get("keep")) or entry.keep,
        out=locations.from_record(out) if (out := _text(facts.get("out"))) is not None else None,
        batched=batched,
        exact=is_final or counted is not None,
    )
    if totals is not None:
        entry = _with_totals(entry, totals)
    if counted is not None:
        entry = replace(entry, **counted._asdict())
    return replace(entry, state=_state(entry, totals, held=bool(facts.get("held"))))


def _facts(db: sqlite3.Connection) -> Mapping[str, Any]:
    """The facts that a list shows."""
    names = ",".join("?" * len(_FACTS))
    return dict(db.execute(f"SELECT name, value FROM run WHERE name IN ({names})", _FACTS))  # noqa: S608 - question marks


def _with_totals(entry: RunEntry, totals: Totals) -> RunEntry:
    return replace(
        entry,
        **{name: getattr(totals, name) for name in Counted._fields},
        cost=totals.cost,
        cost_uncertain=totals.cost_uncertain,
        elapsed_s=totals.elapsed_s,
        ended=totals.at if not entry.alive and totals.state in ENDS else entry.ended,
    )


def _state(entry: RunEntry, totals: Totals | None, *, held: bool) -> KeptState:
    at = totals.state if totals is not None else ""
    if entry.alive and at not in ENDS:
        return KeptState.HELD if held else _LIVING.get(at, KeptState.RUNNING)
    if entry.pending == 0:
        return KeptState.FAILED if entry.failed + entry.invalid else KeptState.DONE
    if entry.alive:
        return KeptState.RUNNING  # its totals are those of an earlier start
    if entry.batched:
        return KeptState.BATCHED
    if held:
        return KeptState.HELD
    has_end = not at or at in ENDS or has_ended(entry.folder)
    return KeptState.STOPPED if has_end else KeptState.DIED


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _texts(value: object) -> tuple[str, ...]:
    """The texts in a fact that is a list in JSON; none of a damaged one."""
    found = _object(value)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def _values(value: object) -> tuple[str, ...]:
    """The texts that are values in a fact that is an object in JSON."""
    found = _object(value)
    return tuple(filter(None, map(_text, found.values()))) if isinstance(found, dict) else ()


def _object(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
