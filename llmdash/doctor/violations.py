"""The violations of invariants between the rows of a journal, a view for each kind, and the SQL functions.

A view has the `job` of each violation (0 where it has no job). Views are temporary: a check leaves nothing in
the journal.
"""

from __future__ import annotations

import json
import sqlite3

from llmdash.engine.model.states import KeyState

__all__ = ["make_views"]

_VIEWS = """
CREATE TEMP VIEW bad_facts AS
SELECT 0 AS job, name FROM run WHERE typeof(name) <> 'text' OR NOT is_fact(CAST(name AS BLOB),
typeof(value), CAST(value AS BLOB));

CREATE TEMP VIEW bad_health AS
SELECT 0 AS job, key FROM health WHERE typeof(key) <> 'text' OR NOT is_utf8(CAST(key AS BLOB))
OR NOT is_key_state(CAST(state AS BLOB)) OR typeof(at) <> 'real' OR typeof(rests_s) <> 'real'
OR NOT rests_s BETWEEN 0 AND 1e12 OR typeof(detail) <> 'text' OR NOT is_utf8(CAST(detail AS BLOB))
OR typeof(times) <> 'integer' OR NOT times BETWEEN 0 AND 1e6;

CREATE TEMP VIEW on_the_wire AS SELECT job FROM attempts WHERE state = 'sent';

CREATE TEMP VIEW foreign_results AS
SELECT job FROM results WHERE job < 0 OR job >= known_jobs();

CREATE TEMP VIEW foreign_attempts AS
SELECT job, attempt FROM attempts
WHERE typeof(job) <> 'integer' OR job < 0 OR job >= known_jobs()
OR typeof(attempt) <> 'integer' OR attempt < 1;

CREATE TEMP VIEW counted AS
SELECT job, COUNT(*) AS number, MAX(attempt) AS last FROM attempts GROUP BY job;

-- A number further than 1,000 above the count of a job's attempts is damage.
CREATE TEMP VIEW far_attempts AS
SELECT attempts.job, attempts.attempt FROM counted JOIN attempts ON attempts.job = counted.job
WHERE counted.last > counted.number + 1000 AND attempts.attempt > counted.number + 1000;

CREATE TEMP VIEW stray_attempts AS
SELECT job, attempt FROM foreign_attempts UNION SELECT job, attempt FROM far_attempts;

CREATE TEMP VIEW stateless_attempts AS
SELECT job, attempt FROM attempts
WHERE state NOT IN ('sent', 'ok', 'failed', 'cut', 'unsent', 'unknown', 'batched');

CREATE TEMP VIEW nameless_failures AS
SELECT job, attempt FROM attempts WHERE state = 'failed' AND failure IS NULL;

CREATE TEMP VIEW textless AS
SELECT job FROM results WHERE (text IS NULL AND state IN ('done', 'invalid'))
OR (text IS NOT NULL AND (typeof(text) <> 'text' OR NOT is_utf8(CAST(text AS BLOB))));

-- The attempt that a result names brought an answer.
CREATE TEMP VIEW answered AS
SELECT results.job FROM results
JOIN attempts ON attempts.job = results.job AND attempts.attempt = results.attempts AND attempts.state = 'ok';

CREATE TEMP VIEW stateless_results AS
SELECT job FROM results WHERE state NOT IN ('done', 'invalid', 'failed', 'cancelled')
UNION SELECT job FROM results
WHERE state IN ('failed', 'cancelled') AND text IS NOT NULL AND job IN (SELECT job FROM answered);

CREATE TEMP VIEW reasonless AS SELECT job FROM results WHERE state IN ('failed', 'invalid') AND error IS NULL;

CREATE TEMP VIEW misplaced AS
SELECT * FROM results WHERE state IN ('done', 'invalid') AND job NOT IN (SELECT job FROM reused)
AND NOT EXISTS
(SELECT 1 FROM attempts a WHERE a.job = results.job AND a.attempt = results.attempts AND a.state = 'ok');

CREATE TEMP VIEW disowned AS
SELECT job, attempts AS attempt FROM results WHERE state NOT IN ('done', 'invalid') AND EXISTS
(SELECT 1 FROM attempts a WHERE a.job = results.job AND a.attempt = results.attempts AND a.state = 'ok');

CREATE TEMP VIEW far_results AS
SELECT job FROM results
WHERE attempts < (state IN ('done', 'invalid') AND job NOT IN (SELECT job FROM reused)) OR attempts >
1000 + COALESCE((SELECT MAX(attempt) FROM attempts a WHERE a.job = results.job), 0);

CREATE TEMP VIEW lost_answers AS
SELECT job, attempt FROM attempts
WHERE state = 'ok' AND NOT EXISTS (SELECT 1 FROM results r WHERE r.job = attempts.job);

CREATE TEMP VIEW gaps AS
SELECT counted.job, counted.number, MAX(counted.last, COALESCE(results.attempts, 0)) AS top
FROM counted LEFT JOIN results ON results.job = counted.job
WHERE MAX(counted.last, COALESCE(results.attempts, 0)) > counted.number
UNION ALL SELECT job, 0, attempts FROM results
WHERE attempts > 0 AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = results.job);

CREATE TEMP VIEW bad_workers AS
SELECT job FROM attempts WHERE worker IS NOT NULL
AND (typeof(worker) <> 'text' OR NOT is_utf8(CAST(worker AS BLOB)))
UNION ALL SELECT job FROM results WHERE worker IS NOT NULL
AND (typeof(worker) <> 'text' OR NOT is_utf8(CAST(worker AS BLOB)));

-- A result names the worker of the attempt that brought it.
CREATE TEMP VIEW misattributed AS
SELECT results.job FROM results
JOIN attempts ON attempts.job = results.job AND attempts.attempt = results.attempts
WHERE results.state <> 'cancelled' AND results.worker IS NOT attempts.worker;
"""

_REUSED = """
-- Answers that were taken from another job: no attempt brought them.
CREATE TEMP VIEW reused AS SELECT job FROM results
WHERE state = 'done' AND attempts = 0 AND typeof(flags) = 'text' AND ',' || flags || ',' LIKE '%,reused,%'
"""
_NONE_REUSED = "CREATE TEMP VIEW reused AS SELECT job FROM results WHERE FALSE"
"""For journals that have no flags."""

_JSON_FACTS: dict[str, tuple[type, ...]] = {
    "key_limits": (dict,),
    "models": (dict,),
    "rate": (int, float, type(None)),
    "simulator": (dict,),
    "tags": (list,),
    "totals": (dict,),
}


def make_views(db: sqlite3.Connection, jobs: int | None, begun_at: float, *more: str) -> None:
    """Create the views, and those in `more`, for a run of `jobs` jobs (None: not known) that began at
    `begun_at`, in Unix seconds.
    """
    db.create_function("known_jobs", 0, lambda: jobs, deterministic=True)
    db.create_function("begun_at", 0, lambda: begun_at, deterministic=True)
    db.create_function("is_fact", 3, _is_fact, deterministic=True)
    db.create_function("is_key_state", 1, _is_key_state, deterministic=True)
    db.create_function("is_utf8", 1, _is_utf8, deterministic=True)
    db.create_function("as_text", 1, _as_text, deterministic=True)
    has_flags = any(row[1] == "flags" for row in db.execute("PRAGMA main.table_info(results)"))
    reused = _REUSED if has_flags else _NONE_REUSED
    for view in (reused, *_VIEWS.split(";"), *more):
        db.execute(view)  # not as one script: that would end a transaction


def _is_fact(name: bytes, kind: str, value: bytes | None) -> bool:
    """True if a fact has a valid value; facts that are not known here pass."""
    if not _is_utf8(name) or kind == "blob" or not _is_utf8(value or b""):
        return False
    wanted = _JSON_FACTS.get(name.decode())
    if wanted is None or value is None:
        return True
    try:
        return isinstance(json.loads(value), wanted)
    except (ValueError, RecursionError):
        return False


def _is_key_state(value: bytes) -> bool:
    return value.decode("utf-8", "replace").upper() in KeyState.__members__


def _is_utf8(value: bytes | None) -> bool:
    if value is None:
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
