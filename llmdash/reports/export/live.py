"""Live results: a file of JSON lines that grows during a run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from llmdash.engine.journal.export_record import result_record
from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import ResultRecord, ResultRow
from llmdash.reports.export.appended import AppendedFile
from llmdash.reports.export.draft import ExportError, is_stream, shown
from llmdash.reports.export.json_lines import encode_record, write_jsonl
from llmdash.reports.export.writers import check_unused, writer_for

__all__ = ["LiveResults", "can_be_live"]


def can_be_live(path: Path) -> bool:
    """True if the file at `path` can grow: only JSON lines can, and only where they can be written again at
    the end. Raises FormatError.
    """
    return writer_for(path).write is write_jsonl and not is_stream(path)


class LiveResults:
    """The file at `path` during the run in `folder`: a line for each job that ended, exactly as the export
    writes it, in the order in which they were saved.

    `open` writes the file again from the journal, with results of an earlier start in input order: so no line
    is torn, doubled or missing, however that start ended. Call it after the run is locked and before its
    first request. `append` takes what was committed since, on the journal's thread. A job that is retried
    after it ended has two lines until `complete` replaces the file by one in input order (a reader that
    follows it by name, such as `tail -F`, sees that one too), while nothing is appended.

    With `reasoning` its lines have what the models thought.

    Nothing here raises: if the file cannot be written, `problem` says why from then on, and nothing more is
    written. The journal and the export are not affected.
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
        """Why the file no longer grows: a line for the user."""

    def open(self) -> None:
        """Write what the journal holds, and open the file for more."""
        self._write_all()

    def complete(self) -> None:
        """Write the file again in input order, unless that is done; one that grows is open for more then."""
        with self._guard:
            if not self.is_complete:
                self.is_complete = self._write_all()

    def _write_all(self) -> bool:
        """Return True if the file has all that the journal holds."""
        self._file.close()
        try:
            check_unused(self.path)
            known = (self._folder / NAME).exists()
            reader = JournalReader(self._folder) if known else None
            write_jsonl(reader.results(reasoning=self._reasoning) if reader else (), self.path)
            if self.problem is not None:
                return True
            self._file.open()
        except (ExportError, JournalError) as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(f"{shown(self.path)}: cannot be written ({error.strerror or error})")
        return self.problem is None

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Write a line for each row."""
        with self._guard:
            self.is_complete = self.is_complete and not rows
            if self._file.is_open and rows:
                self._append(rows)

    def _append(self, rows: Sequence[ResultRow]) -> None:
        lines = b"".join(encode_record(self._record(row)) + b"\n" for row in rows)
        try:
            self._file.append(lines)
        except OSError as error:
            self._give_up(f"{shown(self.path)}: cannot be written ({error.strerror or error})")

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._guard:
            self._file.close()

    def _record(self, row: ResultRow) -> ResultRecord:
        """A row as the journal returns it, with times as floats."""
        thought = row.reasoning if self._reasoning else None
        return result_record(
            row._replace(ttft_s=_real(row.ttft_s), latency_s=_real(row.latency_s), reasoning=thought)
        )

    def _give_up(self, why: str) -> None:
        self._file.close()
        self.problem = f"{why}; results are written there at the end only"


def _real(seconds: float | None) -> float | None:
    return None if seconds is None else float(seconds)
