"""The rows of a Parquet file as JSON lines, through pyarrow, which is an extra of this package."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

__all__ = ["PARQUET", "parquet_lines"]

PARQUET = b"PAR1"
"""What a Parquet file begins with."""

_ROWS = 1_000  # rows held at a time


def parquet_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rows of a Parquet file, a JSON line each.

    A column of structs has every field in every row: those that are null there are left out, since a message
    without `tool_calls` is another one than a message whose `tool_calls` are null. Raises EOFError for a
    damaged file, ModuleNotFoundError without pyarrow.
    """
    arrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    encode = msgspec.json.Encoder(enc_hook=str).encode
    try:
        table = parquet.ParquetFile(file)
        for batch in table.iter_batches(batch_size=_ROWS):
            lines = [
                encode({name: _without_nulls(value) for name, value in row.items()})
                for row in batch.to_pylist()
            ]
            yield b"".join(line + b"\n" for line in lines)
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise EOFError(str(error)) from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
