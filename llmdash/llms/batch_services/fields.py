"""What a batch service says, field by field: nothing of it is taken for granted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = [
    "count_in",
    "count_of",
    "cursor",
    "first_time",
    "identifier",
    "mapping",
    "mappings",
    "server_time",
    "time_of",
    "word_of",
]

_IDENTIFIER = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:~+=@-]{1,256}", re.ASCII)
_LATEST = 253_402_300_799.0  # the end of the year 9999
_MOST = 2**53
_DIGITS = 20
_WORD_LIMIT = 40
_CURSOR_LIMIT = 4_096
_FRACTION = re.compile(r"(\.\d{6})\d+")


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object as it is, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list; none for anything else."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def identifier(value: Any) -> str | None:
    """Return an id that can be part of an address; None for any other value, as for the empty text that some
    services send where there is none.
    """
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def cursor(value: Any) -> str | None:
    """Return a mark at which a list goes on, for a query; None for what is none."""
    if isinstance(value, str) and 0 < len(value) <= _CURSOR_LIMIT and value.isascii():
        return value
    return None


def count_of(value: Any) -> int | None:
    """Return a count; None for what cannot be one."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < _MOST else None


def count_in(value: Any) -> int | None:
    """Return a count that may be written as a text, as Google writes large numbers; None for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:_DIGITS])
    return count_of(value)


def word_of(value: Any) -> str:
    """Return a word in lower case, short enough to be shown; empty for what is none."""
    return value.strip().lower()[:_WORD_LIMIT] if isinstance(value, str) else ""


def time_of(value: Any) -> float | None:
    """Return a moment in Unix seconds: a number of them, or a time as RFC 3339 has it, which is UTC where it
    does not say. None for what is none.
    """
    if isinstance(value, str):
        value = _parsed(value.strip())
    if type(value) not in (int, float) or not 0 < value <= _LATEST:
        return None
    return float(value)


def _parsed(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text[:64]))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str]) -> float | None:
    """Return the time of a response by its `Date` header, in Unix seconds; None where it has none."""
    try:
        moment = parsedate_to_datetime(headers.get("date", "")[:64])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def first_time(values: Iterable[Any]) -> float | None:
    """Return the first of `values` that is a moment, in Unix seconds."""
    return next((moment for value in values if (moment := time_of(value)) is not None), None)
