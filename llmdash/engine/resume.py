"""The state of a run when it starts: empty, or restored from its journal."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from llmdash.engine.journal.attempt_sums import KeyTotals
from llmdash.engine.journal.file import JournalError, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.counts import counted
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.payment import Payment, payment_where, spends
from llmdash.engine.model.states import JobState, Severity
from llmdash.engine.pool.member import Member
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.source import PromptSource

__all__ = [
    "fresh_store",
    "load_times",
    "load_totals",
    "open_journal",
    "resumed_store",
]

_RESTORED = (
    "out",
    "check",
    "scored_by",
    "schema",
    "repair",
    "empty_fails",
    "decided",
    "flags",
    "concurrency",
    "rate",
    "reuse",
    "dedupe",
    "budget",
    "trial",
    "batch",
    "batch_deadline",
    "batch_only",
)
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
            "give the same file, and no smaller --limit, or begin a new run in another folder: with --reuse "
            "it takes the answers that are known"
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


def fresh_store(source: PromptSource, clock: Callable[[], float], first: Sequence[int] = ()) -> Store:
    """Return the store of a run without results; the jobs `first` go before their turn."""
    return Store(_columns(len(source), range(len(source)), first), clock)


def _columns(jobs: int, pending: Sequence[int], first: Sequence[int]) -> JobColumns:
    if not first:
        return JobColumns(jobs, pending)
    ahead = frozenset(first)
    before = array("I", (job for job in pending if job in ahead))
    after = array("I", (job for job in pending if job not in ahead))
    return JobColumns(jobs, before + after)


def resumed_store(
    folder: Path,
    jobs: int,
    clock: Callable[[], float],
    *,
    retry_failed: bool,
    first: Sequence[int] = (),
    is_streamed: bool = True,
) -> tuple[Store, list[int]]:
    """Return a store with the results in the journal in `folder`, and the failed jobs to retry; the jobs
    `first` go before their turn. Without streams there are no first tokens.
    """
    reader = JournalReader(folder)
    ended = bytearray(jobs)
    again: list[int] = []
    for row in reader.ended():
        if retry_failed and row.state in ("failed", "invalid"):
            again.append(row.job)
        else:
            ended[row.job] = 1
    pending = array("I", (job for job in range(jobs) if not ended[job]))
    store = Store(_columns(jobs, pending, first), clock)
    store.is_streamed = is_streamed
    for row in reader.ended():
        if ended[row.job]:
            store.restore(row)
    for job, attempts in reader.sums.attempt_counts():
        store.columns.tries[job] = min(attempts, 65_535)
    _report_unknown(store, reader.sums.count_unknown(), payment_where(spends(reader.facts())))
    return store, again


def load_times(store: Store, facts: Mapping[str, Any]) -> None:
    """Continue from when the run was first started, and when it had ended."""
    totals = totals_in(facts)
    store.wall.restore(_moment(facts.get("begun_at")), None if totals is None else totals.at)


def _moment(text: object) -> float | None:
    """Unix seconds from a time of ISO 8601; None where it is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


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


def _report_unknown(store: Store, unknown: int, payment: Payment) -> None:
    if unknown:
        store.apply(
            Noticed(
                Severity.WARNING,
                f"{counted(unknown, 'request')} of earlier starts had no outcome{payment.twice}",
            )
        )
