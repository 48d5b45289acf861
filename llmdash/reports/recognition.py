"""Tells files of results that llmdash wrote from others, by what is in them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from llmdash.reports.result_columns import COLUMNS

__all__ = ["is_results"]

_LOOKED_AT = 64 * 1024
"""Bytes of the beginning and the end that tell."""
_OBJECT = re.compile(rb'(?:\[\s*)?\{"index":\d+,"id":"(?:[^"\\]|\\.)*","state":"[a-z]+","text":', re.DOTALL)
_BATCH = re.compile(rb'\{"id":"(?:[^"\\]|\\.)*","custom_id":"(?:[^"\\]|\\.)*","response":', re.DOTALL)
_TABLES = tuple(delimiter.join(COLUMNS).encode() for delimiter in ",\t")
_PARQUET = b"PAR1"


def is_results(path: Path) -> bool:
    """Return True for a file of results of any format, whatever its name; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
            file.seek(-min(_LOOKED_AT, os.fstat(file.fileno()).st_size), os.SEEK_END)
            tail = file.read(_LOOKED_AT)
    except OSError:
        return False
    if head.startswith(_PARQUET):
        return all(name.encode() in tail for name in COLUMNS)
    return bool(_OBJECT.match(head) or _BATCH.match(head)) or head.startswith(_TABLES)
