"""Results as they come: a file of JSON lines that grows while a run goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from llmdash.engine.journal.file import NAME, JournalError
from llmdash.engine.journal.reader import JournalReader, result_record
from llmdash.engine.model.records import ResultRecord, ResultRow
from llmdash.reports.export.draft import ExportError, shown
from llmdash.reports.export.json_lines import encode_record, write_jsonl
from llmdash.reports.export.writers import writer_for

__all__ = ["LiveResults", "can_be_live"]


def can_be_live(path: Path) -> bool:
    """True if the format that the name of `path` asks for can grow: JSON lines alone. Raises FormatError."""
    return writer_for(path).write is write_jsonl


class LiveResults:
    """The file at `path` for the time of the run in `folder`: a line for each job that ended, exactly as the
    export writes it, in the order in which they were saved.

    `open` makes the file anew from the journal, where results of an earlier start stand in the order of the
    input: so nothing in it is torn, doubled or missing, however that start ended. It belongs between the
    moment the run is locked and its first request. `append` takes what was committed since, on the journal's
    thread. A job that is retried after it ended has two lines until the end, when the export replaces the
    file by one in the order of the input (whoever follows it by name, as `tail -F` does, sees that one too).

    Nothing here raises: if the file cannot be written, `problem` says why from then on, and nothing more is
    written. The journal is not touched by that, nor is the export.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._file: int | None = None
        self._size = 0
        self.problem: str | None = None
        """Why the file does not grow any more: a line for the user."""

    def open(self) -> None:
        """Write what the journal holds, and be ready for more."""
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
        lines = b"".join(encode_record(_record(row)) + b"\n" for row in rows)
        try:
            if not os.path.samestat(self._path.stat(), os.fstat(self._file)):
                self._give_up(f"{shown(self._path)}: another file stands there now")
            elif os.write(self._file, lines) == len(lines):
                self._size += len(lines)
            else:
                self._give_up(f"{shown(self._path)}: no room for more")
        except OSError as error:
            self._give_up(f"{shown(self._path)}: cannot be written ({error.strerror or error})")

    def close(self) -> None:
        """Let go of the file; may be called again."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _give_up(self, why: str) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)  # half of a line is worse than none
        self.close()
        self.problem = f"{why}; results go there at the end only"


def _record(row: ResultRow) -> ResultRecord:
    """A row as the journal would give it back, which keeps times as real numbers."""
    return result_record(row._replace(ttft_s=_real(row.ttft_s), latency_s=_real(row.latency_s)))


def _real(seconds: float | None) -> float | None:
    return None if seconds is None else float(seconds)
