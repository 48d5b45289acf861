"""The invariants between the rows of a journal, and the repair of each violation.

All of it is SQL, so that a journal of any size is checked row by row and never loaded into memory. Answers in
the journal are kept; where an answer's text is lost, its job becomes pending again. The order matters: a rule
may rely on those before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from llmdash.doctor.batch_rules import rules_of_batches
from llmdash.doctor.records import rules_of_records
from llmdash.doctor.rules import Rule
from llmdash.doctor.value_rules import ATTEMPT_VALUES, BAD_ATTEMPTS, BAD_RESULTS, RESULT_VALUES
from llmdash.doctor.violations import make_views
from llmdash.engine.journal.keeping import Keep

__all__ = ["SENT", "apply_repairs", "register_sql_functions", "rules_for", "violations"]


SENT = Rule(
    "on_the_wire",
    "request was in flight when the run last ended",
    "requests were in flight when the run last ended",
    "marked as unknown; their jobs are pending",
    ("UPDATE attempts SET state = 'unknown' WHERE state = 'sent'",),
    usual=True,
    asks_again=True,
)
"""Holds only while no process works on the run."""

_RULES_OF_ROWS = (
    Rule(
        "bad_facts",
        "fact of the run holds an invalid value",
        "facts of the run hold invalid values",
        "removed",
        ("DELETE FROM run WHERE name IN (SELECT name FROM bad_facts)",),
    ),
    Rule(
        "foreign_results",
        "result belongs to no job of this run",
        "results belong to no job of this run",
        "removed",
        ("DELETE FROM results WHERE job IN (SELECT job FROM foreign_results)",),
    ),
    Rule(
        "stray_attempts",
        "attempt belongs to no job of this run, or has invalid numbers",
        "attempts belong to no job of this run, or have invalid numbers",
        "removed",
        ("DELETE FROM attempts WHERE (job, attempt) IN (SELECT job, attempt FROM stray_attempts)",),
    ),
)

_RULES_BETWEEN_ROWS = (
    Rule(
        "stateless_attempts",
        "attempt is in a state that does not exist",
        "attempts are in a state that does not exist",
        "marked as unknown",
        (
            "UPDATE attempts SET state = 'unknown' WHERE (job, attempt) IN"
            " (SELECT job, attempt FROM stateless_attempts)",
        ),
    ),
    Rule(
        "nameless_failures",
        "failed attempt lacks the kind of failure",
        "failed attempts lack the kind of failure",
        "set to transient",
        ("UPDATE attempts SET failure = 'transient' WHERE state = 'failed' AND failure IS NULL",),
    ),
    Rule(
        "stateless_results",
        "result is in a state that does not exist, or that its answer contradicts",
        "results are in a state that does not exist, or that their answer contradicts",
        "set to done where there is an answer, else removed: those jobs are pending again",
        (
            "UPDATE results SET state = 'done', error = NULL"
            " WHERE text IS NOT NULL AND job IN (SELECT job FROM stateless_results)",
            "DELETE FROM results WHERE job IN (SELECT job FROM stateless_results)",
        ),
    ),
    Rule(
        "reasonless",
        "failed result has lost its reason",
        "failed results have lost their reason",
        "a note takes its place",
        (
            "UPDATE results SET error = 'the reason was lost with a damaged journal'"
            " WHERE job IN (SELECT job FROM reasonless)",
        ),
    ),
    Rule(
        "misplaced",
        "answer belongs to another attempt than the recorded one",
        "answers belong to another attempt than the recorded one",
        "the attempt is corrected by the answer",
        (
            "UPDATE results SET attempts = (SELECT MAX(attempt) FROM attempts a WHERE a.job = results.job"
            " AND a.state = 'ok') WHERE job IN (SELECT misplaced.job FROM misplaced JOIN attempts a"
            " ON a.job = misplaced.job AND a.state = 'ok')",
            "UPDATE results SET attempts = 1 + COALESCE((SELECT MAX(attempt) FROM attempts a"
            " WHERE a.job = results.job), 0) WHERE job IN (SELECT job FROM misplaced)"
            " AND job IN (SELECT job FROM far_results)",
            "INSERT OR REPLACE INTO attempts (job, attempt, key, state, sent_at, request_id, ttft_s,"
            " latency_s, input_tokens, output_tokens, estimated) SELECT m.job, m.attempts,"
            " COALESCE(m.key, '?'), 'ok', COALESCE(a.sent_at, begun_at()), a.request_id, m.ttft_s,"
            " m.latency_s, m.input_tokens, m.output_tokens, m.estimated FROM misplaced m"
            " LEFT JOIN attempts a ON a.job = m.job AND a.attempt = m.attempts",
        ),
    ),
    Rule(
        "disowned",
        "job ended without an answer, but its last attempt is marked as answered",
        "jobs ended without an answer, but their last attempt is marked as answered",
        "the attempt is marked as failed",
        (
            "UPDATE attempts SET state = 'failed', failure = 'transient', message = 'the answer was lost'"
            " WHERE (job, attempt) IN (SELECT job, attempt FROM disowned)",
        ),
    ),
    Rule(
        "far_results",
        "result names an invalid attempt",
        "results name an invalid attempt",
        "set to the last attempt",
        (
            "UPDATE results SET attempts = COALESCE((SELECT MAX(attempt) FROM attempts a"
            " WHERE a.job = results.job), 0) WHERE job IN (SELECT job FROM far_results)",
        ),
    ),
    Rule(
        "lost_answers",
        "answer has no result, as its job was retried on request, or it was lost",
        "answers have no result, as their jobs were retried on request, or it was lost",
        "marked as unknown; their jobs are pending",
        (
            "UPDATE attempts SET state = 'unknown', message = 'answered, but the answer is not on record'"
            " WHERE (job, attempt) IN (SELECT job, attempt FROM lost_answers)",
        ),
        usual=True,
        asks_again=True,
    ),
    Rule(
        "gaps",
        "job lacks the record of an attempt",
        "jobs lack the record of an attempt",
        "added as unknown",
        (
            "WITH RECURSIVE holes (job, attempt, top) AS (SELECT job, 1, top FROM gaps"
            " UNION ALL SELECT job, attempt + 1, top FROM holes WHERE attempt < top)"
            " INSERT OR IGNORE INTO attempts (job, attempt, key, state, sent_at, message)"
            " SELECT job, attempt, '?', 'unknown', begun_at(), 'its record was lost' FROM holes",
        ),
        asks_again=True,
    ),
)

_TEXTLESS = Rule(
    "textless",
    "result has lost its text",
    "results have lost their text",
    "removed; their jobs are pending again",
    ("DELETE FROM results WHERE job IN (SELECT job FROM textless)",),
    asks_again=True,
)


_HEALTH = Rule(
    "bad_health",
    "key has an invalid health",
    "keys have an invalid health",
    "forgotten",
    ("DELETE FROM health WHERE key IN (SELECT key FROM bad_health)",),
)

_RULES_OF_WORKERS = (
    Rule(
        "bad_workers",
        "name of a worker is no text",
        "names of workers are no text",
        "removed",
        tuple(
            f"UPDATE {table} SET worker = NULL WHERE worker IS NOT NULL"  # noqa: S608 - our own names
            " AND (typeof(worker) <> 'text' OR NOT is_utf8(CAST(worker AS BLOB)))"
            for table in ("attempts", "results")
        ),
    ),
    Rule(
        "misattributed",
        "result names another worker than its attempt",
        "results name another worker than their attempt",
        "the attempt is right, if it names one",
        (
            "UPDATE attempts SET worker = (SELECT worker FROM results r WHERE r.job = attempts.job)"
            " WHERE worker IS NULL AND EXISTS (SELECT 1 FROM results r WHERE r.job = attempts.job"
            " AND r.attempts = attempts.attempt AND r.state <> 'cancelled' AND r.worker IS NOT NULL)",
            "UPDATE results SET worker = (SELECT worker FROM attempts a WHERE a.job = results.job"
            " AND a.attempt = results.attempts) WHERE job IN (SELECT job FROM misattributed)",
        ),
    ),
)
"""For journals that have the columns."""

_RULES = (*_RULES_OF_ROWS, ATTEMPT_VALUES, _TEXTLESS, RESULT_VALUES, *_RULES_BETWEEN_ROWS)


def register_sql_functions(db: sqlite3.Connection, jobs: int | None, begun_at: float) -> None:
    """Register the SQL functions and views of the rules, for a run of `jobs` jobs (None: not known) begun at
    `begun_at`, in Unix seconds.
    """
    make_views(db, jobs, begun_at, BAD_ATTEMPTS, BAD_RESULTS)


def rules_for(db: sqlite3.Connection) -> tuple[Rule, ...]:
    """Return the rules for the tables of a journal: those of the first version had no `health`, those before
    the fourth named no workers, those before the fifth had no time series, those before the seventh no
    batches. Where no texts are kept, none is lost.
    """
    tables = {row[0] for row in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    names_workers = all(
        any(column == "worker" for _, column, *_ in db.execute(f"PRAGMA main.table_info({table})"))
        for table in ("attempts", "results")
    )
    health = (_HEALTH,) if "health" in tables else ()
    keep = db.execute("SELECT value FROM run WHERE name = 'keep'").fetchone()
    rules = [rule for rule in _RULES if rule is not _TEXTLESS or keep != (Keep.NONE.value,)]
    workers = _RULES_OF_WORKERS if names_workers else ()
    return (*rules, *health, *workers, *rules_of_batches(db), *rules_of_records(db))


def violations(db: sqlite3.Connection, rule: Rule) -> tuple[int, int]:
    """Return the number of violations of a rule, and the first job with one."""
    question = f"SELECT COUNT(*), COALESCE(MIN(job), 0) FROM {rule.view}"  # noqa: S608 - a rule's own view
    number, first = db.execute(question).fetchone()
    return int(number), first


def apply_repairs(db: sqlite3.Connection, rules: Iterable[Rule]) -> list[str]:
    """Repair every violation of `rules`, in their order. Returns a sentence for each kind."""
    done = []
    for rule in rules:
        number, _ = violations(db, rule)
        if number:
            for statement in rule.repairs:
                db.execute(statement)
            done.append(f"{rule.words(number)}: {rule.repaired}")
    return done
