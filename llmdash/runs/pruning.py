"""Chooses which kept runs go when room is made, and deletes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llmdash import locations
from llmdash.engine.journal.file import JournalError, StorageError
from llmdash.engine.journal.lock import LockedError
from llmdash.engine.model.counts import counted
from llmdash.exit_codes import ExitCode
from llmdash.lean_dataclass import dataclass
from llmdash.reports.wording import collect_command
from llmdash.runs.catalogue import entry_of
from llmdash.runs.entry import KeptState, RunEntry
from llmdash.runs.marks import KEEP_TAG
from llmdash.runs.removal import GoneError, Removed, delete_run

__all__ = ["PruneOrder", "Spared", "chosen", "delete_each", "prune"]

_UNFINISHED = (KeptState.STOPPED, KeptState.DIED)


@dataclass(frozen=True, slots=True)
class PruneOrder:
    """Which runs may go: all that is given has to allow it.

    Those that ended more than `older_than_s` seconds ago; those beyond the newest `keep_last`; the oldest
    ones, until all runs together have `keep_bytes` at most. Unfinished ones only if `unfinished`; never a
    living, held, or damaged one, one of which batches are open, or one that is tagged `keep`.
    """

    keep_bytes: int | None = None
    older_than_s: float | None = None
    keep_last: int | None = None
    unfinished: bool = False
    exported: bool = False
    """Only those whose results are in a file that is still there."""


@dataclass(frozen=True, slots=True)
class Spared:
    """A run that was to go and did not, why, and the exit code for that."""

    folder: Path
    why: str
    code: int


def chosen(entries: Sequence[RunEntry], order: PruneOrder, now: float) -> list[RunEntry]:
    """Return the runs to delete of all `entries`, the oldest first; `now` is in Unix seconds."""
    oldest = sorted((each for each in entries if _may_go(each, order)), key=_age_key)
    if order.keep_last is not None:
        oldest = oldest[: max(0, len(oldest) - order.keep_last)]
    if order.older_than_s is not None:
        oldest = [each for each in oldest if 0 < _last_at(each) < now - order.older_than_s]
    if order.keep_bytes is None:
        return oldest
    excess = sum(each.bytes for each in entries) - order.keep_bytes
    found: list[RunEntry] = []
    for each in oldest:
        if excess <= 0:
            break
        found.append(each)
        excess -= each.bytes
    return found


def prune(entries: Sequence[RunEntry], order: PruneOrder) -> Iterator[Removed | Spared]:
    """Delete these runs, each if it still may go; one that another process has deleted is passed over."""
    for entry in entries:
        if not entry.folder.is_dir():
            continue
        if not _may_go(entry_of(entry.folder), order):
            yield Spared(entry.folder, f"{entry.folder}: was changed meanwhile, and stays", ExitCode.DONE)
            continue
        try:
            yield delete_run(entry.folder)
        except GoneError:
            continue
        except LockedError as error:  # it goes on, or another process is deleting it
            yield Spared(entry.folder, str(error), ExitCode.DONE)
        except JournalError as error:
            yield _spared(entry, error)


def delete_each(entries: Sequence[RunEntry], *, with_batches: bool = False) -> Iterator[Removed | Spared]:
    """Delete these runs, whatever they are, but for living ones; those of which batches are open only
    `with_batches`: what comes back of these is lost.
    """
    for entry in entries:
        if entry.batched and not with_batches:
            jobs = counted(entry.batched, "job")
            why = f"{jobs} of it were sent in batches that are open, and what is paid for would be lost"
            go_on = f"fetch it: {collect_command(entry.folder)}; or delete it with --with-batches"
            yield Spared(entry.folder, f"{entry.folder}: {why}; {go_on}", ExitCode.BATCHED)
            continue
        try:
            yield delete_run(entry.folder)
        except (LockedError, JournalError) as error:
            yield _spared(entry, error)


def _spared(entry: RunEntry, error: LockedError | JournalError) -> Spared:
    codes = {LockedError: ExitCode.LOCKED, StorageError: ExitCode.STORAGE}
    return Spared(entry.folder, str(error), codes.get(type(error), ExitCode.USAGE))


def _may_go(entry: RunEntry, order: PruneOrder) -> bool:
    if entry.alive or entry.batched or KEEP_TAG in entry.tags:
        return False
    if order.exported and (entry.out is None or not locations.is_there(entry.out)):
        return False
    return entry.state.finished or (order.unfinished and entry.state in _UNFINISHED)


def _last_at(entry: RunEntry) -> float:
    """When the run was last at work, in Unix seconds; 0 if that is not known."""
    return entry.ended or entry.started or 0.0


def _age_key(entry: RunEntry) -> tuple[float, str]:
    return _last_at(entry), entry.id
