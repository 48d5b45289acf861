"""KeptAnswers: the answers of kept runs, found by the digests of their requests.

The index is a private database of SQLite, which it keeps in memory as far as that is small and in a temporary
file beyond: 16 bytes and a place for each answer. No answer is loaded before it is wanted.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from llmdash.engine.dispatch.reuse import AnswerPlace
from llmdash.engine.journal.file import NAME
from llmdash.engine.journal.glance import glance, uri_to_read
from llmdash.engine.journal.lock import holder_of
from llmdash.engine.model.counts import counted
from llmdash.engine.model.records import ResultRow

__all__ = ["KeptAnswers"]

T = TypeVar("T")

_CACHE_KIB = 8192
_MOST_OPEN = 8
_MOST_RECENT = 16
"""The answers that are kept in memory, since one may be wanted by many jobs in a row."""
_MOST_TOKENS = 2**31 - 1
_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
_TEXTS = ("finish_reason", "endpoint", "model", "flags", "message", "reasoning")
_DAMAGED = (sqlite3.Error, UnicodeError)
"""What SQLite raises over a damaged file; its message may quote what is no text."""
_UNREADABLE = "that cannot be read"
_WITHOUT_HASHES = "of an earlier version"
_COLLECT = """
INSERT OR IGNORE INTO answers SELECT request_hash, ?, job FROM kept.results
WHERE state = 'done' AND typeof(request_hash) = 'blob' AND length(request_hash) = 16 AND {}
AND typeof(text) = 'text' ORDER BY request_hash
"""


class KeptAnswers:
    """Answers of the runs in `folders`, the first ones first, and of the run at work where its folder is
    given as `own`.

    Of a kept run only answers without flags count, and none of a simulator.
    """

    def __init__(self, folders: Sequence[Path], own: Path | None = None) -> None:
        self._folders = dict(enumerate(folders, 1))
        if own is not None:
            self._folders[0] = own
        self._thread = ThreadPoolExecutor(1, "llmdash-reuse")
        self._indexed: sqlite3.Connection | None = None
        self._open: OrderedDict[int, sqlite3.Connection] = OrderedDict()
        self._recent: OrderedDict[AnswerPlace, ResultRow | None] = OrderedDict()
        self._closing = False

    async def open(self) -> Sequence[str]:
        """Build the index. Return what it holds, and which runs it leaves out."""
        self._indexed = sqlite3.connect("", uri=True, isolation_level=None, check_same_thread=False)
        return await self._there(self._build)

    async def read(self, place: AnswerPlace) -> ResultRow | None:
        """Return an answer; None if it is not there any more, or damaged."""
        if place in self._recent:
            self._recent.move_to_end(place)
            return self._recent[place]
        row = self._recent[place] = await self._there(lambda: self._row(place))
        while len(self._recent) > _MOST_RECENT:
            self._recent.popitem(last=False)
        return row

    def find(self, digests: Sequence[bytes]) -> AnswerPlace | None:
        """Return where the answer to one of these requests is; reads no answer."""
        for digest in digests:
            for run, job in self._index.execute("SELECT run, job FROM answers WHERE digest = ?", (digest,)):
                return AnswerPlace(digest, run, job)
        return None

    def add(self, place: AnswerPlace) -> None:
        """Add an answer of the run at work."""
        self._recent.pop(place, None)
        self._index.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", place)

    def forget(self, place: AnswerPlace) -> None:
        """Leave out an answer that will not do."""
        self._recent.pop(place, None)
        self._index.execute("DELETE FROM answers WHERE digest = ?", (place.digest,))

    async def close(self) -> None:
        """Close every file; a look at one ends."""
        self._closing = True
        if self._indexed is not None:
            self._indexed.interrupt()
            await self._there(self._close)
        self._thread.shutdown()

    @property
    def _index(self) -> sqlite3.Connection:
        if self._indexed is None:
            raise RuntimeError("open comes first")
        return self._indexed

    async def _there(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _close(self) -> None:
        for db in (*self._open.values(), self._index):
            db.close()

    def _build(self) -> Sequence[str]:
        try:
            return self._index_all()
        except sqlite3.OperationalError:
            if self._closing:  # it was interrupted
                return ()
            raise

    def _index_all(self) -> Sequence[str]:
        self._index.executescript(
            f"PRAGMA cache_size = -{_CACHE_KIB}; PRAGMA temp_store = FILE; PRAGMA synchronous = OFF;"
            " CREATE TABLE answers (digest BLOB PRIMARY KEY, run INTEGER, job INTEGER) WITHOUT ROWID;"
        )
        found = used = 0
        left_out: dict[str, list[str]] = {}
        for number, folder in sorted(self._folders.items()):
            if self._closing:
                return ()
            why = self._why_not(folder) if number else None
            added = 0
            if why is None:
                try:
                    added = self._collect(number)
                except _DAMAGED:
                    why = _UNREADABLE
            if why is not None:
                left_out.setdefault(why, []).append(folder.name)
            elif number:
                found, used = found + added, used + bool(added)
        self._index.execute("BEGIN")  # never committed: what is added is for this run alone
        return _notices(found, used, left_out, asked=0 not in self._folders or len(self._folders) > 1)

    def _why_not(self, folder: Path) -> str | None:
        """Why no answer of a kept run counts; None if some may."""
        try:
            with glance(folder, held=holder_of(folder) is not None) as db:
                facts = dict(db.execute("SELECT name, value FROM run"))
        except _DAMAGED:
            return _UNREADABLE
        if facts.get("simulator"):
            return "of a simulator"
        if facts.get("keep") == "none":
            return "without answers"
        version = facts.get("version")
        return _WITHOUT_HASHES if not isinstance(version, int) or version < 5 else None

    def _uri(self, number: int) -> str:
        """What opens the journal of a run without changing it."""
        folder = self._folders[number]
        return uri_to_read(folder / NAME, held=not number or holder_of(folder) is not None)

    def _collect(self, number: int) -> int:
        """Add the answers of one run. Returns their number. Raises sqlite3.Error."""
        which = "flags IS NULL" if number else "TRUE"
        self._index.execute("ATTACH ? AS kept", (self._uri(number),))
        try:
            return self._index.execute(_COLLECT.format(which), (number,)).rowcount
        finally:
            self._index.execute("DETACH kept")

    def _row(self, place: AnswerPlace) -> ResultRow | None:
        try:
            columns = ", ".join(ResultRow._fields)
            question = f"SELECT {columns} FROM results WHERE job = ?"  # noqa: S608 - our own column names
            found = self._connection(place.run).execute(question, (place.job,)).fetchone()
        except _DAMAGED:
            return None
        row = None if found is None else ResultRow._make(found)
        if row is None or not _is_sound(row):
            return None
        is_same = not place.run or (row.request_hash == place.digest and row.flags is None)
        return row if is_same else None

    def _connection(self, run: int) -> sqlite3.Connection:
        """The connection to the journal of a run; few are open at once."""
        db = self._open.pop(run, None)
        if db is None:
            db = sqlite3.connect(
                self._uri(run), uri=True, isolation_level=None, timeout=10.0, check_same_thread=False
            )
            db.execute("PRAGMA query_only = ON")
        self._open[run] = db
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return db


def _is_sound(row: ResultRow) -> bool:
    """True for a whole answer whose values are such as this program writes."""
    counts = [getattr(row, name) for name in _TOKENS]
    texts = [getattr(row, name) for name in _TEXTS]
    return (
        row.state == "done"
        and isinstance(row.text, str)
        and all(count is None or (isinstance(count, int) and 0 <= count <= _MOST_TOKENS) for count in counts)
        and all(text is None or isinstance(text, str) for text in texts)
        and row.estimated in (None, 0, 1)
        and _is_object(row.message)
    )


def _is_object(text: str | None) -> bool:
    try:
        return text is None or isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _notices(found: int, used: int, left_out: dict[str, list[str]], *, asked: bool) -> list[str]:
    """What is known, and the runs that are left out, by reason."""
    if not asked:
        return []
    said = [f"{counted(found, 'answer')} of {counted(used, 'kept run')} can be reused"]
    for why, names in left_out.items():
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        said.append(f"No answer is taken from {counted(len(names), 'run')} {why}: {some}")
    return said
