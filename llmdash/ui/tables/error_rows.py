"""The rows of a table of errors: which groups, in which order, and how long ago each happened last."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from llmdash.engine.model.errors import ErrorGroup
from llmdash.ui.text.format import span

__all__ = ["ErrorRow", "ErrorSort", "matches", "rows_of", "since_start"]


class ErrorSort(enum.Enum):
    """What groups of errors can be sorted by."""

    JOBS = "jobs"
    TRIES = "tries"
    LAST = "last"
    FIRST = "first"
    CLASS = "class"

    @property
    def following(self) -> ErrorSort:
        """The next one, round and round."""
        orders = list(ErrorSort)
        return orders[(orders.index(self) + 1) % len(orders)]


class ErrorRow(NamedTuple):
    """A line of the table: a group, how long ago it happened last, and whether it is skipped."""

    group: ErrorGroup
    last: str = ""
    is_skipped: bool = False


_ORDERS: Final[Mapping[ErrorSort, Callable[[ErrorGroup], tuple[float | str, ...]]]] = {
    ErrorSort.JOBS: lambda group: (-group.jobs, -group.tries),
    ErrorSort.TRIES: lambda group: (-group.tries, -group.jobs),
    ErrorSort.LAST: lambda group: (-(group.last_s or 0.0),),
    ErrorSort.FIRST: lambda group: (group.first_s or 0.0,),
    ErrorSort.CLASS: lambda group: (group.kind.value, -group.jobs, -group.tries),
}


def rows_of(
    groups: Iterable[ErrorGroup], now_s: float, sort: ErrorSort, text: str, skipped: Collection[str]
) -> tuple[ErrorRow, ...]:
    """Return a row for each group that has all the words of `text`, those that are skipped at the end.

    `now_s` is the time at work.
    """
    order = _ORDERS[sort]
    shown = sorted((group for group in groups if matches(group, text)), key=order)
    rows = [ErrorRow(group, _ago(group.last_s, now_s), group.id in skipped) for group in shown]
    return tuple(sorted(rows, key=lambda row: row.is_skipped))


def matches(group: ErrorGroup, text: str) -> bool:
    """True if each word of `text` is somewhere in the line of the group."""
    words = text.lower().split()
    if not words:
        return True
    keys = " ".join(key for key, _tries in group.keys)
    line = f"{group.kind} {group.status or ''} {group.code or ''} {group.name} {keys}".lower()
    return all(word in line for word in words)


def since_start(seconds: float | None) -> str:
    """Return a time of the run as `0:41`, `1:02:03`; blank if it is not known.

    >>> since_start(61.9)
    '1:01'
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    minutes, second = divmod(int(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _ago(last_s: float | None, now_s: float) -> str:
    return "" if last_s is None else span(max(0.0, now_s - last_s))
