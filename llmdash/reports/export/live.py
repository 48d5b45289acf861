"""Live results: a file of JSON lines that grows during a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.reader import JournalReader, result_record
from llmdash.engine.model.records import ResultRecord, ResultRow
from llmdash.reports.export.draft import ExportError, is_stream, shown
from llmdash.reports.export.json_lines import encode_record, write_jsonl
from llmdash.reports.export.writers import writer_for

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
    after it ended has two lines until the end, when the export replaces the file by one in input order (a
    reader that follows it by name, such as `tail -F`, sees that one too).

    With `reasoning` its lines have what the models thought.

    Nothing here raises: if the file cannot be written, `problem` says why from then on, and nothing more is
    written. The journal and the export are not affected.
    """

    def __init__(self, path: Path, folder: Path, *, reasoning: bool = False) -> None:
        self._path = path
        self._folder = folder
        self._reasoning = reasoning
        self._file: int | None = None
        self._size = 0
        self.problem: str | None = None
        """Why the file no longer grows: a line for the user."""

    def open(self) -> None:
        """Write what the journal holds, and open the file for more."""
        try:
            known = (self._folder / NAME).exists()
            write_jsonl(JournalReader(self._folder).results() if known else (), self._path)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size = os.fstat(self._file).st_size
        except (ExportError, JournalError) as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(f"{shown(self._path)}: cannot be written ({error.strerror or error})")

    def append(self, rows: Sequence[ResultRow]) -> None:
        """Write a line for each row."""
        if self._file is None or not rows:
            return
        lines = b"".join(encode_record(self._record(row)) + b"\n" for row in rows)
        try:
            if not os.path.samestat(self._path.stat(), os.fstat(self._file)):
                self._give_up(f"{shown(self._path)}: the file was replaced")
            elif os.write(self._file, lines) == len(lines):
                self._size += len(lines)
            else:
                self._give_up(f"{shown(self._path)}: no room for more")
        except OSError as error:
            self._give_up(f"{shown(self._path)}: cannot be written ({error.strerror or error})")

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _record(self, row: ResultRow) -> ResultRecord:
        """A row as the journal returns it, with times as floats."""
        thought = row.reasoning if self._reasoning else None
        return result_record(
            row._replace(ttft_s=_real(row.ttft_s), latency_s=_real(row.latency_s), reasoning=thought)
        )

    def _give_up(self, why: str) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)  # half a line is worse than none
        self.close()
        self.problem = f"{why}; results are written there at the end only"


def _real(seconds: float | None) -> float | None:
    return None if seconds is None else float(seconds)
