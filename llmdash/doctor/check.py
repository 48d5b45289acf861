"""A checkup of a run's folder: files, journal, sums. It changes nothing.

`known_of` takes the facts of the journal and returns `Known`, what the input says: only where the input
confirms the number of jobs is a result beyond it called foreign.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from llmdash.doctor.batch_rules import findings_of_batches
from llmdash.doctor.files import check_files, check_folder
from llmdash.doctor.findings import Checkup, Finding, Known, Level, Sums
from llmdash.doctor.invariants import SENT, register_sql_functions, rules_for, violations
from llmdash.engine.journal.file import NAME, VERSION
from llmdash.engine.journal.glance import glance
from llmdash.engine.journal.lock import holder_of
from llmdash.engine.journal.schema import misshapen
from llmdash.engine.model.counts import counted
from llmdash.engine.model.payment import payment_where, spends

__all__ = [
    "NEVER_BEGUN",
    "KnownOf",
    "Unusable",
    "begun_at",
    "check",
    "facts_in",
    "has_version",
    "look",
    "read_whole",
    "vouched",
]

KnownOf = Callable[[Mapping[str, Any]], Known | None]

_LISTED = 3
_PATIENCE_S = 10.0
_AHEAD, _ROLLBACK = b"\2\2", b"\1\1"  # https://www.sqlite.org/fileformat.html, 1.3.3

_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG,  # the length of a text was overwritten
    sqlite3.SQLITE_MISMATCH,
)

_RESULTS = """
SELECT SUM(state = 'done'), SUM(state = 'invalid'), SUM(state = 'failed'), SUM(state = 'cancelled'), COUNT(*)
FROM results
"""
_ATTEMPTS = """
SELECT COUNT(*), SUM(state = 'ok'), SUM(state = 'failed'), SUM(state IN ('sent', 'cut', 'unknown')),
SUM(state = 'unsent'), SUM(state = 'batched'),
SUM(state IN ('sent', 'cut', 'unknown') AND job NOT IN (SELECT job FROM results))
FROM attempts
"""


NEVER_BEGUN = Finding(
    Level.PROBLEM,
    "journal",
    "empty: nothing is recorded, as if the run was killed while it started",
    "set aside, so that the run can be started again",
    fixable=True,
)
"""The finding for a journal without tables; only `look` and `read_whole` raise it."""


class Unusable(Exception):
    """A journal that cannot be checked further; holds the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def check(folder: Path, known_of: KnownOf) -> Checkup:
    """Check a run. Returns everything found; never raises for what is wrong with the run."""
    findings: list[Finding] = []
    facts: Mapping[str, Any] | None = None
    sums: Sums | None = None
    holder: str | None = None
    try:
        findings += check_folder(folder)
        if not folder.is_dir():
            return Checkup(folder, tuple(findings))
        holder = holder_of(folder)
        if holder is not None:
            findings.append(Finding(Level.OK, "lock", f"process {holder} works on this run"))
        findings += check_files(folder, held=holder is not None)
        with look(folder, held=holder is not None) as db:
            findings += read_whole(db, folder)
            facts = facts_in(db)
            findings += _usable(facts)
            sums, balance = _sums(db, facts, held=holder is not None)
            findings += _rows(db, facts, known_of(facts), held=holder is not None)
            findings += findings_of_batches(db)
            findings += balance
    except Unusable as error:
        findings.append(error.finding)
    except OSError as error:
        where = error.filename or folder
        findings.append(Finding(Level.PROBLEM, "files", f"{where}: {error.strerror}", "fix that by hand"))
    return Checkup(folder, tuple(findings), facts, sums, holder)


@contextmanager
def look(folder: Path, *, held: bool) -> Iterator[sqlite3.Connection]:
    """Yield a read-only connection to the journal, in one transaction.

    Raises Unusable if there is nothing to read, or if reading fails.
    """
    path = folder / NAME
    if not path.exists():
        raise Unusable(Finding(Level.PROBLEM, "journal", "there is none", "start the run again"))
    if not path.stat().st_size and not held:
        raise Unusable(NEVER_BEGUN)
    try:
        with glance(folder, held=held, timeout_s=_PATIENCE_S) as db:
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        raise _trouble(error) from None
    except UnicodeDecodeError:
        raise Unusable(_damaged("the names of its columns are not text")) from None


def _trouble(error: sqlite3.Error) -> Unusable:
    return Unusable(_damaged(str(error))) if _is_damage(error) else Unusable(_unreadable(error))


def _is_damage(error: sqlite3.Error) -> bool:
    """True if an error is due to the content of the file."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in _DAMAGE


def _damaged(reason: str) -> Finding:
    """The finding that a salvage repairs."""
    fix = "what can be read is saved into a new journal"
    return Finding(Level.PROBLEM, "journal", f"damaged ({reason})", fix, fixable=True)


def _unreadable(error: sqlite3.Error) -> Finding:
    return Finding(
        Level.PROBLEM, "journal", f"cannot be read ({error})", "check the disk, or copy the folder"
    )


def read_whole(db: sqlite3.Connection, folder: Path) -> Iterator[Finding]:
    """Check that the file is sound and has its tables. Raises Unusable if not."""
    reasons = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({_LISTED})")]
    if reasons != ["ok"]:
        raise Unusable(_damaged("; ".join(reason.replace("\n", " ")[:80] for reason in reasons)))
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        raise Unusable(NEVER_BEGUN)
    version = _version(db, tables)
    if isinstance(version, int) and version > VERSION:
        text = f"written by a newer llmdash (version {version} of the journal, {VERSION} here)"
        raise Unusable(Finding(Level.PROBLEM, "journal", text, "use the newer llmdash"))
    if (table := misshapen(db, tables)) is not None:
        raise Unusable(
            _damaged(f"table {table} is missing, or not all of its columns are those of a journal")
        )
    mode = _mode(folder)
    if mode not in (_AHEAD, _ROLLBACK):
        raise Unusable(_damaged("its header marks it as read-only"))
    size = (folder / NAME).stat().st_size
    if size % db.execute("PRAGMA page_size").fetchone()[0] and not (folder / f"{NAME}-wal").exists():
        raise Unusable(_damaged("its end is cut off"))  # which SQLite takes for zeros
    yield Finding(Level.OK, "journal", f"sound, {size / 1e6:,.1f} MB")
    if mode == _ROLLBACK:
        text = "without a write-ahead log, as on network folders: slower, but as safe"
        yield Finding(Level.OK, "journal", text)


def _mode(folder: Path) -> bytes:
    """The write and read version of the file's header (two bytes)."""
    with (folder / NAME).open("rb") as file:
        return file.read(20)[18:20]


def _version(db: sqlite3.Connection, tables: set[str]) -> Any:
    if "run" not in tables:
        return None
    row = db.execute("SELECT value FROM run WHERE name = 'version'").fetchone()
    return row[0] if row else None


def facts_in(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the facts of the run, as far as they can be read."""
    return {name: value for name, value in db.execute("SELECT name, value FROM run") if isinstance(name, str)}


def _usable(facts: Mapping[str, Any]) -> Iterator[Finding]:
    if not has_version(facts):
        yield Finding(Level.PROBLEM, "journal", "its version is lost", f"taken for {VERSION}", fixable=True)
    lost = [
        name for name, kind in (("jobs", int), ("fingerprint", str)) if not isinstance(facts.get(name), kind)
    ]
    if lost:
        text = f"{' and '.join(lost)} of the run: lost; a resume cannot tell whether the input is the same"
        yield Finding(Level.PROBLEM, "facts", text, "save the results: llmdash doctor FOLDER --out FILE")


def has_version(facts: Mapping[str, Any]) -> bool:
    """True if the version of the journal is recorded and known."""
    version = facts.get("version")
    return isinstance(version, int) and 1 <= version <= VERSION


def vouched(facts: Mapping[str, Any], known: Known | None) -> int | None:
    """Return the number of jobs, if journal and input agree; else None."""
    return known.jobs if known is not None and known.fingerprint == facts.get("fingerprint") else None


def begun_at(facts: Mapping[str, Any]) -> float:
    """Return when the run began, in Unix seconds; 0 if that is lost."""
    try:
        return datetime.fromisoformat(str(facts.get("begun_at"))).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _rows(
    db: sqlite3.Connection, facts: Mapping[str, Any], known: Known | None, *, held: bool
) -> Iterator[Finding]:
    jobs = vouched(facts, known)
    if jobs is not None and jobs != facts.get("jobs"):
        text = f"the run has {counted(jobs, 'job')} by its input, {facts.get('jobs')} by its journal"
        yield Finding(Level.PROBLEM, "facts", text, "the input is right", fixable=True)
    register_sql_functions(db, jobs, begun_at(facts))
    payment = payment_where(spends(facts))
    for rule in rules_for(db) if held else (*rules_for(db), SENT):
        number, first = violations(db, rule)
        if number:
            level = Level.WARNING if rule.usual else Level.PROBLEM
            twice = payment.twice if rule.asks_again else ""
            text = f"{rule.words(number)}{twice} (the first: job {first})"
            yield Finding(level, "rows", text, rule.repaired, fixable=True)


def _sums(db: sqlite3.Connection, facts: Mapping[str, Any], *, held: bool) -> tuple[Sums, list[Finding]]:
    """The sums of jobs and attempts, and whether they are consistent."""
    done, invalid, failed, cancelled, results = (int(value or 0) for value in db.execute(_RESULTS).fetchone())
    attempts, *kinds, unknown = (int(value or 0) for value in db.execute(_ATTEMPTS).fetchone())
    jobs = facts.get("jobs")
    sums = Sums(jobs if isinstance(jobs, int) else None, done, invalid, failed, cancelled, attempts, unknown)
    of_jobs = (
        f"{'? jobs' if sums.jobs is None else counted(sums.jobs, 'job')}: {done:,} done, {failed:,} failed,"
        f"{f' {invalid:,} invalid,' if invalid else ''}"
        f" {cancelled:,} cancelled, {sums.pending:,} pending"
    )
    ok, refused, cut, unsent, batched = kinds
    of_attempts = (
        f"{counted(attempts, 'attempt')}: {ok:,} ok, {refused:,} failed, {cut:,} without outcome,"
        f" {unsent:,} not sent"
    )
    if batched:
        of_attempts += f", {batched:,} batched"
    if unknown:
        unsure = "in flight or cut off" if held else payment_where(spends(facts)).unknown
        of_attempts += f"; {unknown:,} {unsure}"
    whole = results == sums.ended and (sums.jobs is None or sums.ended <= sums.jobs)
    return sums, [
        Finding(Level.OK if whole else Level.PROBLEM, "sums", of_jobs),
        Finding(Level.OK if sum(kinds) == attempts else Level.PROBLEM, "sums", of_attempts),
    ]
