"""Results as a Parquet file, through pyarrow, which is an extra of this package."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export.draft import Draft, FormatError, shown
from llmdash.reports.export.tables import INPUT, Cell, cells_of, without_surrogates
from llmdash.reports.result_columns import COLUMNS

__all__ = ["check_parquet", "write_parquet"]

# A row group is held in memory until it is written; both bounds keep it small.
_GROUP_ROWS = 20_000
_GROUP_CHARACTERS = 16_000_000

_TYPES = {
    "index": "int64",
    "correct": "bool",
    "attempts": "int64",
    "ttft_s": "float64",
    "latency_s": "float64",
    "usage_input_tokens": "int64",
    "usage_output_tokens": "int64",
    "usage_cached_tokens": "int64",
    "usage_reasoning_tokens": "int64",
    "usage_estimated": "bool",
}
_TEXT = "string"

Rows = list[tuple[Cell, ...]]


def check_parquet(path: Path) -> None:
    """Raise FormatError, with the fix, unless Parquet files can be written here."""
    _pyarrow(path)


def _pyarrow(path: Path) -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        fix = "pip install 'llmdash[parquet]', or choose .csv"
        raise FormatError(f"{shown(path)}: Parquet needs pyarrow, which is not installed; {fix}") from None


def write_parquet(records: Iterable[ResultRecord], path: Path, more: Sequence[str] = (INPUT,)) -> int:
    """Write the columns of a CSV file, typed, to `path`; returns the number of rows. Raises ExportError.

    `more` columns, as `cells_of` has them, are of text. A lone surrogate, which UTF-8 cannot hold, becomes
    U+FFFD; every other text is exact.
    """
    arrow, parquet = _pyarrow(path)
    names = (*COLUMNS, *map(without_surrogates, more))
    schema = arrow.schema([(name, arrow.type_for_alias(_TYPES.get(name, _TEXT))) for name in names])
    written = 0
    with Draft(path) as draft:
        with _finished(parquet.ParquetWriter(draft.file, schema)) as writer:
            for rows in _groups(records, more):
                writer.write_table(_table(arrow, schema, rows))
                written += len(rows)
        draft.keep()
    return written


@contextlib.contextmanager
def _finished(writer: Any) -> Iterator[Any]:
    """The writer, closed at the end; one that failed is left as it is."""
    try:
        yield writer
        writer.close()
    finally:
        # Or its finalizer would try again to end a file that cannot be written.
        writer.is_open = False


def _groups(records: Iterable[ResultRecord], more: Sequence[str]) -> Iterator[Rows]:
    """The rows of records in groups of limited size, however long the answers are."""
    rows: Rows = []
    characters = 0
    for record in records:
        cells = cells_of(record, more)
        texts = cells[: len(COLUMNS)] + tuple(map(_text, cells[len(COLUMNS) :]))
        rows.append(texts)
        characters += sum(len(cell) for cell in texts if isinstance(cell, str))
        if len(rows) == _GROUP_ROWS or characters >= _GROUP_CHARACTERS:
            yield rows
            rows, characters = [], 0
    if rows:
        yield rows


def _text(value: Cell) -> str | None:
    """A carried value as text: rows may have values of different types under a name."""
    return value if isinstance(value, str | None) else json.dumps(value)


def _table(arrow: Any, schema: Any, rows: Rows) -> Any:
    columns = zip(*rows, strict=True)
    arrays = [_array(arrow, values, field.type) for values, field in zip(columns, schema, strict=True)]
    return arrow.Table.from_arrays(arrays, schema=schema)


def _array(arrow: Any, values: tuple[Cell, ...], kind: Any) -> Any:
    try:
        return arrow.array(values, kind)
    except UnicodeEncodeError:
        return arrow.array(map(_storable, values), kind)


def _storable(value: Cell) -> Cell:
    return without_surrogates(value) if isinstance(value, str) else value
