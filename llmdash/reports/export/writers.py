"""Which format a file is written in: the end of its name tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export.batch import check_batch, write_batch
from llmdash.reports.export.draft import FormatError, check_place, shown
from llmdash.reports.export.json_lines import write_json, write_jsonl
from llmdash.reports.export.parquet import check_parquet, write_parquet
from llmdash.reports.export.tables import write_csv, write_tsv

__all__ = ["ENDINGS", "Writer", "check_writable", "export", "writer_for"]


def _nothing_to_check(_path: Path) -> None:
    """For a format that needs one file and nothing installed."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A format results are written in. `check` raises ExportError if it cannot be had at a path."""

    name: str
    write: Callable[[Iterable[ResultRecord], Path], int]
    check: Callable[[Path], None] = _nothing_to_check


_JSON_LINES = Writer("JSON lines", write_jsonl)

ENDINGS: dict[str, Writer] = {
    ".batch.jsonl": Writer("OpenAI Batch", write_batch, check_batch),
    ".jsonl": _JSON_LINES,
    ".ndjson": _JSON_LINES,
    ".json": Writer("JSON array", write_json),
    ".csv": Writer("CSV", write_csv),
    ".tsv": Writer("TSV", write_tsv),
    ".parquet": Writer("Parquet", write_parquet, check_parquet),
}
"""The endings of names; where two of them fit, the first is taken."""


def writer_for(path: Path) -> Writer:
    """The format that the name of `path` asks for. Raises FormatError that names the known endings."""
    name = path.name.lower()
    for ending, writer in ENDINGS.items():
        if name.endswith(ending):
            return writer
    known = ", ".join(ENDINGS)
    raise FormatError(f"{shown(path)}: the end of its name tells the format; end it in one of {known}")


def check_writable(path: Path) -> None:
    """Makes sure, before anything is spent, that results can be written to `path`; leaves nothing behind.

    Raises ExportError if the folder is missing or takes no new file, or if `path` cannot be replaced;
    FormatError if its ending is not known, or needs something that is not installed.
    """
    check_place(path)
    writer_for(path).check(path)


def export(records: Iterable[ResultRecord], path: Path) -> int:
    """Writes `records` to `path` in the format its name asks for; returns how many. Raises ExportError."""
    return writer_for(path).write(records, path)
