"""The state of a run when it starts: empty, or restored from its journal."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmdash.engine.journal.file import JournalError, JournalFile
from llmdash.engine.journal.reader import JournalReader, KeyTotals
from llmdash.engine.model.counts import counted
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import JobState, Severity
from llmdash.engine.pool.member import Member
from llmdash.engine.store.history import history_text, restore_history
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.source import PromptSource

__all__ = [
    "fresh_store",
    "history_facts",
    "load_history",
    "load_totals",
    "open_journal",
    "resumed_store",
]

_HISTORY = "history"
"""The name of the fact that holds the history of a run."""


_RESTORED = ("out", "check", "schema", "repair", "empty_fails", "decided", "flags", "concurrency", "rate")
"""The facts of how a run is started that a resume writes again: what it was asked for counts from now on."""


def open_journal(
    folder: Path,
    source: PromptSource,
    facts: Mapping[str, Any],
    *,
    resume: bool,
    begun_with: str | None = None,
) -> JournalFile:
    """Open the journal of a new run, or of an earlier one over the same input.

    The input may have grown: it is then `begun_with` the fingerprint on record. Raises JournalError.
    """
    if not resume:
        return JournalFile.create(folder, {**facts, "fingerprint": source.fingerprint, "jobs": len(source)})
    reader = JournalReader(folder)
    known = reader.facts()
    jobs = known.get("jobs")
    same = (known.get("fingerprint"), jobs) == (source.fingerprint, len(source))
    grown = begun_with == known.get("fingerprint") and isinstance(jobs, int) and jobs <= len(source)
    if not (same or grown):
        raise JournalError(
            f"{folder}: this run was begun with other input ({_difference(jobs, len(source))}); "
            "give the same file, and no smaller --limit, or begin a new run in another folder"
        )
    journal = JournalFile.open(folder)
    try:
        reader.check(len(source))
    except JournalError:
        journal.close()
        raise
    journal.set_facts({name: facts[name] for name in _RESTORED if facts.get(name) is not None})
    if not same:
        extent = {"fingerprint": source.fingerprint, "jobs": len(source), "limit": facts.get("limit")}
        journal.set_facts(extent)
    return journal


def _difference(jobs: int | None, now: int) -> str:
    return "other text" if jobs == now else f"{counted(jobs, 'job') if jobs else 'unknown jobs'}, now {now}"


def fresh_store(source: PromptSource, clock: Callable[[], float]) -> Store:
    """Return the store of a run without results."""
    return Store(JobColumns(len(source), range(len(source))), clock)


def resumed_store(
    folder: Path, jobs: int, clock: Callable[[], float], *, retry_failed: bool
) -> tuple[Store, list[int]]:
    """Return a store with the results in the journal in `folder`, and the failed jobs to retry."""
    reader = JournalReader(folder)
    ended = bytearray(jobs)
    again: list[int] = []
    for row in reader.ended():
        if retry_failed and row.state in ("failed", "invalid"):
            again.append(row.job)
        else:
            ended[row.job] = 1
    store = Store(JobColumns(jobs, array("I", (job for job in range(jobs) if not ended[job]))), clock)
    for row in reader.ended():
        if ended[row.job]:
            store.restore(row)
    for job, attempts in reader.attempt_counts():
        store.columns.tries[job] = min(attempts, 65_535)
    _report_unknown(store, reader.count_unknown())
    return store, again


def history_facts(store: Store) -> Mapping[str, Any]:
    """Return the facts of the run that hold its history so far."""
    return {_HISTORY: history_text(store)}


def load_history(store: Store, facts: Mapping[str, Any]) -> None:
    """Continue the time at work and the time series of the journal."""
    restore_history(store, facts.get(_HISTORY))


def load_totals(store: Store, members: tuple[Member, ...], totals: Mapping[str, KeyTotals]) -> None:
    """Continue the counts of the journal, for the run and for each key."""
    for label, of_key in totals.items():
        store.attempts += of_key.sent
        store.input_tokens += of_key.input_tokens
        store.output_tokens += of_key.output_tokens
        member = next((member for member in members if member.label == label), None)
        if member is not None:
            member.sent, member.ok, member.throttled = of_key.sent, of_key.ok, of_key.throttled
            member.errors, member.cut = of_key.errors, of_key.cut
            member.input_tokens, member.output_tokens = of_key.input_tokens, of_key.output_tokens
    store.retries = sum(of_key.throttled + of_key.errors for of_key in totals.values())
    store.retries = max(0, store.retries - store.columns.counts[JobState.FAILED])


def _report_unknown(store: Store, unknown: int) -> None:
    if unknown:
        store.apply(
            Noticed(
                Severity.WARNING,
                f"{counted(unknown, 'request')} of earlier starts had no outcome: possibly paid twice",
            )
        )
