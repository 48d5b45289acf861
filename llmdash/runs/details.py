"""All that is known of one kept run, read from its journal without changing it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.glance import glance
from llmdash.engine.journal.schema import columns_of
from llmdash.engine.model.errors import class_of
from llmdash.lean_dataclass import dataclass
from llmdash.reports.wording import (
    attach_command,
    collect_command,
    doctor_command,
    export_command,
    recorded_way_on,
    resume_command,
)
from llmdash.runs.catalogue import entry_of
from llmdash.runs.entry import KeptState, RunEntry
from llmdash.runs.reading import files_of

__all__ = ["KeyCounts", "RunDetails", "details_of"]

_FAILURES = """
SELECT CASE results.state WHEN 'invalid' THEN 'invalid' ELSE attempts.failure END, attempts.status,
    SUBSTR(attempts.message, 1, 24), COUNT(*) FROM results
LEFT JOIN attempts ON attempts.job = results.job AND attempts.attempt = results.attempts
WHERE results.state IN ('failed', 'invalid') GROUP BY 1, 2, 3
"""
_FAILED_TRIES = """
SELECT COUNT(*) + (SELECT COUNT(*) FROM results WHERE state = 'invalid'), TOTAL(results.state IS 'done')
FROM attempts LEFT JOIN results ON results.job = attempts.job
WHERE attempts.state = 'failed'
"""
_VERDICTS = "SELECT verdict, COUNT(*) FROM results WHERE verdict > 0 GROUP BY verdict"
_KEYS = """
SELECT key, COUNT(*), SUM(state = 'ok'), SUM(failure IS 'throttle'),
    SUM(state = 'failed' AND failure IS NOT 'throttle'), SUM(state IN ('cut', 'unknown', 'sent')),
    TOTAL(input_tokens), TOTAL(output_tokens)
FROM attempts WHERE state <> 'unsent' GROUP BY key ORDER BY key
"""
_TIMES = "SELECT AVG(ttft_s), AVG(latency_s), MAX(latency_s) FROM results WHERE state IN ('done', 'invalid')"
_REUSED = "SELECT COUNT(*) FROM (SELECT {} FROM results) WHERE ',' || flags || ',' LIKE '%,reused,%'"
_SETTINGS = (
    "check",
    "limit",
    "template",
    "prompt_column",
    "expected_column",
    "system",
    "send",
    "carry",
    "seed",
)
_DECIDED = ("temperature", "max_tokens", "options", "stream")


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """What became of the requests with one key; `unknown` are those without an outcome."""

    label: str
    sent: int
    ok: int
    throttled: int
    errors: int
    unknown: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run in full. Texts are as they are recorded: not safe to show."""

    entry: RunEntry
    failures: Mapping[str, int] = field(default_factory=dict)
    """Failed and invalid jobs by class, the most frequent first."""
    failed_tries: int = 0
    """Tries that failed, invalid answers among them."""
    made_good: int = 0
    """Those of jobs that were answered after all."""
    not_equal: int = 0
    not_parseable: int = 0
    keys: tuple[KeyCounts, ...] = ()
    ttft_s: float | None = None
    latency_s: float | None = None
    longest_s: float | None = None
    """Means over all answers, and the longest one, in seconds."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What decides the answers."""
    rate: float | None = None
    auto: bool = False
    concurrency: int | None = None
    """As they were last set."""
    bounds: Mapping[str, Any] = field(default_factory=dict)
    """What bounds and spares its cost, as far as it is set: `trial`, `budget` (dollars), what it is `held`
    by, `reuse`, `dedupe`, and how many answers were `reused`.
    """
    input: str | None = None
    """The file of prompts, or what makes them."""
    input_is_there: bool = False
    files: Mapping[str, int] = field(default_factory=dict)
    """The files of the run in its folder, and their sizes in bytes."""
    go_on: tuple[str, ...] = ()
    """The commands that lead on from here."""


def details_of(folder: Path) -> RunDetails:
    """Return all that is known of the run in `folder`. Raises JournalError where its journal is unreadable.

    Of a damaged run only the entry and its files are known.
    """
    entry = entry_of(folder)
    try:
        files = {each.name: each.stat(follow_symlinks=False).st_size for each in files_of(folder)}
    except OSError:
        files = {}  # the entry says what is wrong
    known = RunDetails(entry, files=dict(sorted(files.items())), go_on=_go_on(entry, None))
    if entry.state is KeptState.DAMAGED:
        return known
    try:
        with glance(folder, held=entry.alive, timeout_s=10.0) as db:
            return _read(db, known)
    except sqlite3.Error as error:
        look = doctor_command(folder)
        raise JournalError(f"{folder}: the journal cannot be read ({error}); see: {look}") from None


def _read(db: sqlite3.Connection, known: RunDetails) -> RunDetails:
    facts = dict(db.execute("SELECT name, value FROM run WHERE name <> 'history'"))
    verdicts = dict(db.execute(_VERDICTS))
    ttft_s, latency_s, longest_s = db.execute(_TIMES).fetchone()
    failures, (failed_tries, made_good) = _failures(db), db.execute(_FAILED_TRIES).fetchone()
    decided = _object(facts.get("decided"))
    settings = {name: facts.get(name) for name in _SETTINGS}
    settings |= {name: decided.get(name) for name in _DECIDED} | {"endpoints": _endpoints(facts, decided)}
    path, rate, seed = facts.get("path"), _json(facts.get("rate")), facts.get("seed")
    place = locations.from_record(path) if isinstance(path, str) else None
    return RunDetails(
        known.entry,
        failures=failures,
        failed_tries=failed_tries,
        made_good=int(made_good),
        not_equal=verdicts.get(2, 0),
        not_parseable=verdicts.get(3, 0),
        keys=tuple(KeyCounts(str(row[0]), *map(int, row[1:])) for row in db.execute(_KEYS)),
        ttft_s=ttft_s,
        latency_s=latency_s,
        longest_s=longest_s,
        settings={name: value for name, value in settings.items() if value not in (None, {}, [])},
        auto=facts.get("auto") in (1, "on"),
        rate=rate if isinstance(rate, int | float) else None,
        concurrency=value if isinstance(value := facts.get("concurrency"), int) else None,
        bounds=_bounds(facts, *db.execute(_REUSED.format(columns_of(db, "results", ("flags",)))).fetchone()),
        input=str(place) if place is not None else f"arithmetic of seed {seed}" if seed is not None else None,
        input_is_there=locations.is_there(place) if place is not None else seed is not None,
        files=known.files,
        go_on=_go_on(known.entry, facts.get("held")),
    )


def _failures(db: sqlite3.Connection) -> Mapping[str, int]:
    kinds: Counter[str] = Counter()
    for failure, status, begins, number in db.execute(_FAILURES):
        kinds[class_of(failure, status, begins or "").value] += number
    return dict(kinds.most_common())


def _endpoints(facts: Mapping[str, Any], decided: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The endpoints, each with what is set of it; none where a simulator stood in for them."""
    found = None if facts.get("simulator") else decided.get("endpoints")
    known = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [{name: value for name, value in each.items() if value} for each in known]


def _bounds(facts: Mapping[str, Any], reused: int) -> Mapping[str, Any]:
    """What bounds and spares the cost of a run; what is not set is left out."""
    known = {name: _json(facts.get(name)) for name in ("trial", "budget", "reuse", "dedupe")}
    known |= {"held": facts.get("held"), "reused": reused or None}
    return {name: value for name, value in known.items() if value is not None}


def _go_on(entry: RunEntry, held: object) -> tuple[str, ...]:
    """The commands that lead on from the state of a run, of which is on record what it is `held` by."""
    folder, resume = entry.folder, resume_command(entry.folder) + recorded_way_on(held)
    if entry.state is KeptState.DAMAGED:
        return (doctor_command(folder),)
    look = export_command(folder)
    if entry.alive:
        return (attach_command(folder), look)
    if entry.state is KeptState.FAILED:
        return (f"{resume} --retry-failed", look)
    if entry.state is KeptState.BATCHED:
        return (collect_command(folder), resume, look)
    return (look,) if entry.state is KeptState.DONE else (resume, look)


def _json(value: object) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> Mapping[str, Any]:
    found = _json(value)
    return found if isinstance(found, dict) else {}
