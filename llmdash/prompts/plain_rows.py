"""Reads many lines of JSON at once where each is a plain row, as nearly all lines of big files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from llmdash.prompts.data_rows import PLAIN_NAMES, is_plain
from llmdash.prompts.formats import too_deep
from llmdash.prompts.records import RecordError, id_of

__all__ = ["PlainRows"]

_MOST_NAMES = 100

_prompt, _identity = attrgetter("prompt"), attrgetter("id")


class PlainRows:
    """Takes lines whose prompt is a text, and that have no fields but `names`."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._decoder = _decoder(self.names)

    def ids(self, lines: Sequence[bytes]) -> list[str] | None:
        """Return the id of each line, empty where it has none; None unless all of them are plain rows."""
        if self._decoder is None or any(map(too_deep, lines)):
            return None
        try:
            rows = list(map(self._decoder.decode, lines))
            if not all(map(str.strip, map(_prompt, rows))):
                return None
            return [id_of(value, "") for value in map(_identity, rows)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RecordError):
            return None


def _decoder(names: frozenset[str]) -> msgspec.json.Decoder[Any] | None:
    """What reads a row of these fields and no others; None where such a row may be no plain one."""
    others = sorted(names - PLAIN_NAMES)
    if len(others) > _MOST_NAMES or "custom_id" in names or not is_plain(names):
        return None
    spelled = {f"field_{number}": name for number, name in enumerate(others)}
    optional = ("id", "expected", *spelled)
    try:
        row = msgspec.defstruct(
            "Row",
            [("prompt", str), *((field, Any, None) for field in optional)],
            rename=spelled,
            forbid_unknown_fields=True,
            gc=False,
        )
    except ValueError:
        return None  # a name that has to be escaped
    return msgspec.json.Decoder(row)
