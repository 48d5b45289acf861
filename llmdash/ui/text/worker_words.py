"""What the rows of workers mean, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.frame import Frame, WorkerRow
from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.states import WorkerState
from llmdash.ui.text.format import by_words

__all__ = ["Sentence", "filter_for", "is_there", "plain_pattern", "sentences", "workers_counts", "workers_in"]

LONGEST_NAME: Final = 24
"""Cells of a name in a sentence."""
MOST_NAMES: Final = 3
"""Workers named in a sentence; the others are counted."""
MOST_KEYS: Final = 3
"""Sentences about keys; the column of keys has the others."""


_WILD: Final = frozenset("*?,")


class Sentence(NamedTuple):
    """A sentence, and the style of what it reports: `error`, `warning` or `muted`."""

    text: str
    style: str


def is_there(row: WorkerRow) -> bool:
    """True for a worker of this start of the run, unless it has left."""
    return row.state is not WorkerState.LEFT


def workers_in(frame: Frame) -> int | None:
    """Return how many workers a run has; None for one that makes its attempts itself."""
    there = sum(map(is_there, frame.workers))
    return there if there or frame.cluster else None


def workers_counts(workers: Sequence[WorkerRow], cluster: str) -> str:
    """Return how many are at work, and where they are managed."""
    there = sum(map(is_there, workers))
    working = sum(row.state is WorkerState.WORKING for row in workers)
    return " · ".join(filter(None, (f"{working} of {there} working", cluster)))


def sentences(
    workers: Sequence[WorkerRow], cluster: str = "", payment: Payment = PAID
) -> tuple[Sentence, ...]:
    """Return the sentences about these workers: a few, however many workers."""
    if not any(map(is_there, workers)):
        where = f" {cluster}" if cluster else ""
        start = f": llmdash worker{where} starts one" if where else ""
        return (Sentence(f"No worker has joined{where} yet{start}.", "warning"), *_lost(workers, payment))
    return (*_lost(workers, payment), *_draining(workers), *_lacking(workers), *_drained(workers))


def _lost(workers: Sequence[WorkerRow], payment: Payment) -> Iterator[Sentence]:
    rows = [row for row in workers if row.lost]
    if not rows:
        return
    total = sum(row.lost for row in rows)
    if 1 < len(rows) <= MOST_NAMES:
        whose = ", ".join(f"{row.lost:,} of {_name(row)}" for row in rows)
    else:
        whose = f"{counted(total, 'request')} of {_names(rows)}"
    are, they, each = ("is", "it", "it") if total == 1 else ("are", "they", "each")
    unknown = f"{are} unknown{payment.they.format(they)}"
    yield Sentence(f"{whose} {unknown}; {each} was asked again.", "error")


def _draining(workers: Sequence[WorkerRow]) -> Iterator[Sentence]:
    rows = [row for row in workers if row.state is WorkerState.DRAINING]
    if rows:
        verb, they = ("drains", "it gets") if len(rows) == 1 else ("drain", "they get")
        left = f"{sum(row.in_flight for row in rows):,} in flight finish"
        yield Sentence(f"{_names(rows)} {verb}: {left}, then {they} nothing.", "warning")


def _drained(workers: Sequence[WorkerRow]) -> Iterator[Sentence]:
    rows = [row for row in workers if row.state is WorkerState.DRAINED]
    if rows:
        are = "is drained and gets" if len(rows) == 1 else "are drained and get"
        yield Sentence(f"{_names(rows)} {are} nothing; u takes it again.", "muted")


def _lacking(workers: Sequence[WorkerRow]) -> Iterator[Sentence]:
    lacking: dict[str, list[WorkerRow]] = {}
    for row in workers:
        if is_there(row) and row.state is not WorkerState.LOST:
            for label in row.lacks:
                lacking.setdefault(label, []).append(row)
    for label, rows in list(lacking.items())[:MOST_KEYS]:
        have, get = ("has", "gets") if len(rows) == 1 else ("have", "get")
        key = by_words(label, LONGEST_NAME)
        yield Sentence(f"{_names(rows)} {have} no key {key} and {get} none of its work.", "warning")
    if len(lacking) > MOST_KEYS:
        yield Sentence(f"{counted(len(lacking) - MOST_KEYS, 'more key')} are not everywhere.", "warning")


def _names(rows: Sequence[WorkerRow]) -> str:
    """The names of the first rows, and the number of the others."""
    return listed([*map(_name, rows[:MOST_NAMES]), *[""] * (len(rows) - MOST_NAMES)], MOST_NAMES)


def _name(row: WorkerRow) -> str:
    return by_words(row.name, LONGEST_NAME)


def filter_for(name: str) -> str:
    """Return a filter of the job table that matches the jobs of a worker; `?` takes the place of a character
    that a filter cannot hold.

    >>> filter_for("gpu a")
    'worker:gpu?a'
    """
    return "worker:" + plain_pattern(name)


def plain_pattern(name: str) -> str:
    """Return a pattern of a filter that matches this name."""
    return "".join(map(_plain, name))


def _plain(character: str) -> str:
    if character == "[":
        return "[[]"
    return character if character.isprintable() and character not in _WILD | {" ", '"'} else "?"
