"""The format of a results file, by the end of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from llmdash.engine.model.records import ResultRecord
from llmdash.lean_dataclass import dataclass
from llmdash.reports.export.appended import is_appended_to
from llmdash.reports.export.batch import check_batch, errors_path, write_batch
from llmdash.reports.export.draft import (
    FormatError,
    TakenError,
    check_place,
    holds_something,
    is_stream,
    shown,
)
from llmdash.reports.export.json_lines import write_json, write_jsonl
from llmdash.reports.export.parquet import check_parquet, write_parquet
from llmdash.reports.export.tables import INPUT, write_csv, write_tsv

__all__ = ["ENDINGS", "Writer", "check_free", "check_unused", "check_writable", "export", "writer_for"]


def _nothing_to_check(_path: Path) -> None:
    """For a format that needs no check."""


def _itself(path: Path) -> tuple[Path, ...]:
    return (path,)


def _with_errors(path: Path) -> tuple[Path, ...]:
    return (path, errors_path(path))


@dataclass(frozen=True, slots=True)
class Writer:
    """A format of results.

    `check` raises ExportError if it cannot be written to a path; `files` are those that are written for it.
    One of columns has `write_columns`, which takes the names of more columns, too.
    """

    name: str
    write: Callable[[Iterable[ResultRecord], Path], int]
    check: Callable[[Path], None] = _nothing_to_check
    files: Callable[[Path], tuple[Path, ...]] = _itself
    write_columns: Callable[[Iterable[ResultRecord], Path, Sequence[str]], int] | None = None


_JSON_LINES = Writer("JSON lines", write_jsonl)

ENDINGS: dict[str, Writer] = {
    ".batch.jsonl": Writer("OpenAI Batch", write_batch, check_batch, _with_errors),
    ".jsonl": _JSON_LINES,
    ".ndjson": _JSON_LINES,
    ".json": Writer("JSON array", write_json),
    ".csv": Writer("CSV", write_csv, write_columns=write_csv),
    ".tsv": Writer("TSV", write_tsv, write_columns=write_tsv),
    ".parquet": Writer("Parquet", write_parquet, check_parquet, write_columns=write_parquet),
}
"""The supported endings of names; where two match, the first is used."""


def writer_for(path: Path) -> Writer:
    """Return the format for the name of `path`; JSON lines for a device or FIFO with another name.

    Raises FormatError, which names the known endings.
    """
    name = path.name.lower()
    for ending, writer in ENDINGS.items():
        if name.endswith(ending):
            return writer
    if is_stream(path):
        return _JSON_LINES
    if str(path) == "-":
        raise FormatError("-: is no name of a file; for JSON lines on standard output, name /dev/stdout")
    known = ", ".join(ENDINGS)
    raise FormatError(f"{shown(path)}: the end of its name decides the format; end it in one of {known}")


def check_writable(path: Path) -> None:
    """Check, before anything is spent, that results can be written to `path`; leaves nothing behind.

    Raises ExportError if the folder is missing or takes no new file, or if `path` cannot be replaced;
    FormatError if its ending is not known, or needs something that is not installed.
    """
    check_place(path)
    writer_for(path).check(path)


def check_free(path: Path) -> None:
    """Check that results written to `path` replace nothing: devices, FIFOs and empty files may be there.

    Raises TakenError, FormatError.
    """
    for each in writer_for(path).files(path):
        if holds_something(each):
            raise TakenError(
                f"{shown(each)}: holds something already; name another file, or add --overwrite to replace it"
            )


def check_unused(path: Path) -> None:
    """Check that no run adds its results to `path` as they arrive. Raises TakenError."""
    if is_appended_to(path):
        raise TakenError(f"{shown(path)}: another run writes its results to it; name another file")


def _input() -> Sequence[str]:
    return (INPUT,)


def export(records: Iterable[ResultRecord], path: Path, more: Callable[[], Sequence[str]] = _input) -> int:
    """Write `records` to `path` in the format of its name; returns how many. Raises ExportError.

    `more` returns the names of columns beside the common ones; it is called for a format of columns alone.
    """
    writer = writer_for(path)
    if writer.write_columns is not None:
        return writer.write_columns(records, path, more())
    return writer.write(records, path)
