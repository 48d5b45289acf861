"""Results as a table: CSV (RFC 4180), and the same with tabs."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export.draft import Draft
from llmdash.reports.export.json_lines import encode_json
from llmdash.reports.result_columns import ATTRIBUTES, COLUMNS

__all__ = [
    "CARRIED",
    "INPUT",
    "REASONING",
    "WORKER",
    "Cell",
    "cells_of",
    "without_surrogates",
    "write_csv",
    "write_table",
    "write_tsv",
]

Cell = str | int | float | bool | None

_VALUES = attrgetter(*ATTRIBUTES.values())

CARRIED = "input."
"""How the column of a carried field begins: `input.row_id`. No column of ours does."""
INPUT = "input"
"""The column of all carried fields as JSON, where they have none of their own."""
REASONING = "reasoning"
"""The column of what the models thought, where it is asked for."""
WORKER = "worker"
"""The column of who made the last attempts, in a run that had workers."""
_OWN = (REASONING, WORKER)


def cells_of(record: ResultRecord, more: Sequence[str] = (INPUT,)) -> tuple[Cell, ...]:
    """Return a row: the values of COLUMNS, then of `more` columns, each REASONING, WORKER, INPUT, or CARRIED
    and a field's name; flags joined by commas, lists and objects as JSON.
    """
    values: tuple[Cell, ...] = _VALUES(record)
    own = (*values, ",".join(record.flags), _json(record.message))
    return (*own, *(_one_more(record, name) for name in more))


def _one_more(record: ResultRecord, name: str) -> Cell:
    if name == INPUT:
        return _json(record.input)
    if name in _OWN:
        value: Cell = getattr(record, name)
        return value
    return _plain((record.input or {}).get(name.removeprefix(CARRIED)))


def _plain(value: Any) -> Cell:
    return encode_json(value).decode() if isinstance(value, list | dict) else value


def _json(value: Mapping[str, Any] | None) -> str | None:
    return encode_json(dict(value)).decode() if value else None


# A spreadsheet runs a cell that begins with one of these as a formula; a quote in front makes it text.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = frozenset("=+-@\t\r")
_NUMBER = re.compile(
    r"[+-](\d+(\.\d*)?|\d{1,3}(,\d{3})+(\.\d*)?|\d+,\d+|\d{1,3}(\.\d{3})+(,\d+)?|\.\d+)(e[+-]?\d+)?%?\s*",
    re.ASCII | re.IGNORECASE,
)
"""A signed number, with points or commas in it as they are written in English or elsewhere."""

_ERRORS = "llmdash.lone_surrogates"


def _replaced(error: UnicodeError) -> tuple[bytes, int]:
    """U+FFFD for each lone surrogate, which UTF-8 cannot hold."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "\ufffd".encode() * (error.end - error.start), error.end


codecs.register_error(_ERRORS, _replaced)


def without_surrogates(text: str) -> str:
    """Return the text with U+FFFD for each lone surrogate."""
    return text.encode("utf-8", _ERRORS).decode("utf-8")


def write_csv(records: Iterable[ResultRecord], path: Path, more: Sequence[str] = (INPUT,)) -> int:
    """Write a header and a row for each record to `path`; returns the number of rows. Raises ExportError.

    `more` columns follow, as `cells_of` has them.

    UTF-8, lines end in CR LF, quotes are doubled, line breaks stay inside quotes. Text that a spreadsheet
    would run as a formula gets a `'` in front, a number does not. A value that is not known is an empty cell.
    """
    return _write(records, path, ",", more)


def write_tsv(records: Iterable[ResultRecord], path: Path, more: Sequence[str] = (INPUT,)) -> int:
    """As `write_csv`, with tabs as delimiters."""
    return _write(records, path, "\t", more)


def _write(records: Iterable[ResultRecord], path: Path, delimiter: str, more: Sequence[str]) -> int:
    return write_table((*COLUMNS, *more), (cells_of(record, more) for record in records), path, delimiter)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], path: Path, delimiter: str) -> int:
    """Write a header and `rows` to `path`, as `write_csv` does; returns the number of rows."""
    with Draft(path) as draft:
        text = io.TextIOWrapper(draft.file, "utf-8", errors=_ERRORS, newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow(columns)
        counted = _Counted(rows)
        writer.writerows(counted)
        text.flush()
        text.detach()
        draft.keep()
    return counted.number


class _Counted:
    """Iterates over rows of cells as they are written, and counts them."""

    def __init__(self, rows: Iterable[Sequence[Cell]]) -> None:
        self._rows = rows
        self.number = 0

    def __iter__(self) -> Iterator[list[Cell]]:
        for row in self._rows:
            self.number += 1
            yield [_cell(value) for value in row]


def _cell(value: Cell) -> Cell:
    if isinstance(value, str):
        return f"'{value}" if _is_formula(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _is_formula(text: str) -> bool:
    return text[:1] in _FORMULA and _NUMBER.fullmatch(text) is None
