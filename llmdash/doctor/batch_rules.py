"""The invariants of batches: each job that is in one has a batch that is open, and no result yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from llmdash.doctor.findings import Finding, Level
from llmdash.doctor.rules import Rule
from llmdash.doctor.value_rules import number_of, text_of, time_of, values_rule
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.model.counts import counted
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState

__all__ = ["findings_of_batches", "rules_of_batches"]

_OPEN = ", ".join(f"'{state.value}'" for state in BatchState if state.is_open)
_STATES = ", ".join(f"'{state.value}'" for state in BatchState)
_LOOKED_FOR = "CASE WHEN typeof(provider_id) = 'text' THEN 'out' ELSE 'creating' END"
"""The state in which a resume looks for a batch, and sends it again only where it is not found."""

_NEEDED = ("endpoint", "model", "key", "name", "file", "sha")
_WORDS = ("file_id", "provider_id", "word", "detail")
_TIMES = ("creating_at", "created_at", "expires_at", "ended_at", "cancel_at")
_COUNTS = ("done", "failed", "expired")

_BAD_BATCHES, _VALUES = values_rule(
    "batch",
    "batches",
    {
        **{name: text_of(name) for name in (*_NEEDED, *_WORDS)},
        **{name: time_of(name) for name in _TIMES},
        **{name: number_of(name) for name in _COUNTS},
        **{name: number_of(name, 2**53, "0") for name in ("bytes", "jobs", "tokens")},
        "planned_at": (time_of("planned_at")[0], "begun_at()"),
        "state": (f"state IN ({_STATES})", _LOOKED_FOR),
    },
    job="0",
)

_OPEN_BATCH = f"SELECT 1 FROM batches b WHERE b.batch = attempts.batch AND b.state IN ({_OPEN})"  # noqa: S608 - our own words
_MEMBERS_THAT = {
    "lone_members": f"batch IS NULL OR NOT EXISTS ({_OPEN_BATCH})",
    "answered_members": "job IN (SELECT job FROM results)",
    "doubled_members": "EXISTS (SELECT 1 FROM attempts other WHERE other.job = attempts.job"
    " AND other.state = 'batched' AND other.attempt > attempts.attempt)",
}
"""What is wrong with an attempt that is in a batch, by the name of the view of those."""

_VIEWS = {
    "bad_batches": _BAD_BATCHES,
    **{
        view: f"CREATE TEMP VIEW {view} AS SELECT job, attempt FROM attempts"  # noqa: S608 - our own names
        f" WHERE state = 'batched' AND ({test})"
        for view, test in _MEMBERS_THAT.items()
    },
}


def _marked_unknown(view: str, message: str) -> tuple[str, ...]:
    return (
        f"UPDATE attempts SET state = 'unknown', message = '{message}'"  # noqa: S608 - our own words
        f" WHERE (job, attempt) IN (SELECT job, attempt FROM {view})",
    )


_MEMBERS = (
    Rule(
        "lone_members",
        "job is in a batch that is closed or not on record",
        "jobs are in batches that are closed or not on record",
        "marked as unknown; their jobs are pending",
        _marked_unknown("lone_members", "its batch is not on record"),
        asks_again=True,
    ),
    Rule(
        "answered_members",
        "job has a result and is in an open batch all the same",
        "jobs have a result and are in an open batch all the same",
        "the result counts; what comes back of them is ignored",
        _marked_unknown("answered_members", "its job has a result"),
    ),
    Rule(
        "doubled_members",
        "job is in two open batches",
        "jobs are in two open batches",
        "the later one counts; what comes back with the other one is ignored",
        _marked_unknown("doubled_members", "its job is in another batch too"),
        asks_again=True,
    ),
)


def rules_of_batches(db: sqlite3.Connection) -> tuple[Rule, ...]:
    """Return the rules of batches, with their views in `db`; none for a journal of before there were any."""
    if not _has_batches(db):
        return ()
    for view, statement in _VIEWS.items():
        db.execute(f"DROP VIEW IF EXISTS temp.{view}")
        db.execute(statement)
    return (_VALUES, *_MEMBERS)


def findings_of_batches(db: sqlite3.Connection) -> Iterator[Finding]:
    """Say which batches are open: that is no fault, but jobs are with a provider."""
    if not _has_batches(db):
        return
    columns = columns_of(db, "batches", BatchRecord._fields)
    for row in db.execute(f"SELECT {columns} FROM batches ORDER BY batch"):  # noqa: S608 - our own names
        batch = BatchRecord._make(row)
        if batch.state not in (state.value for state in BatchState if state.is_open):
            continue
        (left,) = db.execute(
            "SELECT COUNT(*) FROM attempts WHERE state = 'batched' AND batch = ?", (batch.batch,)
        ).fetchone()
        known = batch.provider_id or batch.name
        text = f"{batch.batch} ({known}) is {batch.state}: {counted(left, 'job')} with key {batch.key}"
        yield Finding(Level.OK, "batch", text)


def _has_batches(db: sqlite3.Connection) -> bool:
    columns = {row[1] for row in db.execute("PRAGMA main.table_info(attempts)")}
    tables = {row[0] for row in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    return "batches" in tables and "batch" in columns
