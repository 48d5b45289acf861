"""SoleResults: a file of JSON lines that alone has the texts of a run, whose journal keeps none."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from llmdash.engine.journal.export_record import result_record
from llmdash.engine.journal.file import NAME
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import ResultRow
from llmdash.reports.export.appended import AppendedFile
from llmdash.reports.export.draft import Draft, ExportError, shown
from llmdash.reports.export.json_lines import encode_record
from llmdash.reports.export.writers import check_unused

__all__ = ["SoleResults"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Line(msgspec.Struct):
    index: int


class SoleResults:
    """The file at `path` of the run in `folder`: a line for each job, with its texts, which are on disk
    before the journal says that the job has ended.

    `open` and `close` leave one line for each job that has ended by the journal, the last one, in input
    order. A job whose line is lost has one without texts.
    """

    def __init__(self, path: Path, folder: Path, *, reasoning: bool = False) -> None:
        self.path = path
        self._folder = folder
        self._reasoning = reasoning
        self._guard = threading.Lock()
        self._file = AppendedFile(path)
        self.is_complete = False
        """True if the file has every result, once and in input order."""
        self.problem: str | None = None
        """Why the file cannot be written, or was not put into order at the end: a line for the user."""

    def open(self) -> None:
        """Put what is there of an earlier start into order, and open the file for more."""
        try:
            check_unused(self.path)
            self._put_into_order()
            self._file.open()
        except (ExportError, OSError) as error:
            self.problem = f"{shown(self.path)}: cannot be written ({error})"

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Write a line for each row, and wait until they are on disk.

        Raises sqlite3.OperationalError, as a journal on a full disk does: the run waits then, or ends.
        """
        if not rows:
            return
        self.is_complete = False
        lines = b"".join(self._line(row) for row in rows)
        try:
            self._file.append_durably(lines)
        except OSError as error:
            raise _as_of_journal(self.path, error) from None

    def complete(self) -> None:
        """Put the file into order, unless that is done, and open it for more; while nothing is appended."""
        with self._guard:
            if self._file.is_open and not self.is_complete:
                self._file.close()
                self.open()
                self.is_complete = self.problem is None

    def close(self) -> None:
        """Close the file, and put it into order; may be called again."""
        if not self._file.is_open:
            return
        self._file.close()
        if self.is_complete:
            return
        try:
            self._put_into_order()
        except (ExportError, OSError) as error:
            self.problem = f"{shown(self.path)}: could not be put into order ({error})"

    def _line(self, row: ResultRow) -> bytes:
        thought = row.reasoning if self._reasoning else None
        return encode_record(result_record(row._replace(reasoning=thought))) + b"\n"

    def _put_into_order(self) -> None:
        known = (self._folder / NAME).exists()
        with Draft(self.path) as draft, contextlib.ExitStack() as stack:
            if known:
                lines = stack.enter_context(self.path.open("rb")) if self.path.is_file() else None
                for line in self._ordered(lines):
                    draft.write(line)
            draft.keep()

    def _ordered(self, lines: IO[bytes] | None) -> Iterator[bytes]:
        """The last line of each job that has ended by the journal, in input order."""
        reader = JournalReader(self._folder)
        jobs = reader.facts().get("jobs")
        places = array("q", [-1]) * (jobs if isinstance(jobs, int) else 0)
        for index, place in _indexed(lines) if lines is not None else ():
            if index < len(places):
                places[index] = place
        for row in reader.ended():
            place = places[row.job] if row.job < len(places) else -1
            if lines is None or place < 0:
                yield self._line(row)
            else:
                lines.seek(place)
                yield lines.readline()


def _indexed(lines: IO[bytes]) -> Iterator[tuple[int, int]]:
    """The job of each whole line, and where it begins."""
    place = 0
    decoder = msgspec.json.Decoder(_Line)
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            index = decoder.decode(line).index
            if line.endswith(b"\n") and index >= 0:
                yield index, place
        place += len(line)


def _as_of_journal(path: Path, error: OSError) -> sqlite3.OperationalError:
    told = sqlite3.OperationalError(f"{shown(path)}: {error.strerror}")
    told.sqlite_errorcode = sqlite3.SQLITE_FULL if error.errno in _FULL else sqlite3.SQLITE_ERROR
    return told
