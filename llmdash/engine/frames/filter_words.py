"""The words of the filter language, and what helps who types one: completions, and what is meant instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from llmdash.engine.model.errors import ErrorClass
from llmdash.engine.model.states import AnswerFlag, JobState, WaitReason
from llmdash.engine.store.grouping import shape
from llmdash.engine.store.job_columns import Columns
from llmdash.prompts.verdict import Verdict

__all__ = [
    "ERROR_CLASSES",
    "FIELDS",
    "NUMBERS",
    "STATES",
    "VERDICTS",
    "WAITING",
    "completions",
    "unknown_field",
]

WAITING: Final = frozenset({JobState.LIMITER, JobState.KEY, JobState.BACKOFF})
STATES: Final[Mapping[str, frozenset[JobState] | WaitReason]] = {
    **{state.name.lower(): frozenset({state}) for state in JobState},
    **{reason.value: reason for reason in WaitReason},
    "stream": frozenset({JobState.STREAMING}),
    "waiting": WAITING,
    "flight": frozenset({JobState.SENT, JobState.STREAMING}),
    "ended": frozenset({JobState.DONE, JobState.INVALID, JobState.FAILED, JobState.CANCELLED}),
}
VERDICTS: Final[Mapping[str, Verdict | AnswerFlag]] = {
    "right": Verdict.RIGHT,
    "wrong": Verdict.NOT_EQUAL,
    "unparseable": Verdict.NOT_PARSEABLE,
    "unscored": Verdict.UNSCORED,
    "empty": AnswerFlag.EMPTY | AnswerFlag.REASONING_ONLY,
    "reasoning_only": AnswerFlag.REASONING_ONLY,
    "length": AnswerFlag.LENGTH,
    "eof": AnswerFlag.EOF,
    "invalid": AnswerFlag.INVALID,
    "odd": ~AnswerFlag.REUSED,
    "reused": AnswerFlag.REUSED,
}
ERROR_CLASSES: Final[Mapping[str, ErrorClass]] = {kind.value: kind for kind in ErrorClass}
NUMBERS: Final = ("time", "ttft", "wait", "try", "in", "out", "#")
FIELDS: Final = ("state", "is", "key", "worker", "error", "had", "id", "text", *NUMBERS)
_OTHER_NAMES: Final = ("verdict", "tries")
_MOST: Final = 8
_MOST_LOOKED_AT: Final = 2_000


def unknown_field(term: str, name: str) -> str:
    """Return what to say of a term whose field there is not."""
    near = difflib.get_close_matches(name, (*FIELDS, *_OTHER_NAMES), 1, 0.6)
    meant = f" did you mean {near[0]}?" if near else ""
    return f"{term}: no such field;{meant} there are {', '.join(FIELDS)}"


def completions(typed: str, columns: Columns) -> tuple[str, ...]:
    """Return how the term `typed` can go on, as whole terms: fields, then the values that occur."""
    name, colon, begun = typed.partition(":")
    if not colon:
        found = [_with_sign(field) for field in FIELDS if field.startswith(typed.lower())]
    else:
        values = dict.fromkeys(_values(name.lower(), columns))
        first = [value for value in values if value.lower().startswith(begun.lower())]
        rest = [value for value in values if begun.lower() in value.lower() and value not in first]
        found = [f"{name}:{_quoted(value)}" for value in (*first, *rest)]
    return tuple(term for term in found if term != typed)[:_MOST]


def _with_sign(field: str) -> str:
    return f"{field}>" if field in NUMBERS else f"{field}:"


def _values(name: str, columns: Columns) -> Iterator[str]:
    """The values that occur in a field, then those that could."""
    if name == "state":
        yield from (state.name.lower() for state in JobState if columns.counts[state])
        yield from STATES
    elif name in ("is", "verdict"):
        yield from VERDICTS
    elif name == "key":
        yield from _names(columns.keys)
    elif name == "worker":
        yield from _names(columns.workers)
    elif name == "error":
        yield from columns.classes
        yield from (_beginning(error) for error in _names(columns.errors))
    elif name == "had":
        yield from columns.classes
        yield from ERROR_CLASSES


def _names(names: Iterable[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number > _MOST_LOOKED_AT:
            return
        if name:
            yield name


def _beginning(error: str) -> str:
    """The first words of an error, up to what differs from one to the next."""
    return " ".join(shape(error).partition("*")[0].split()[:4]).rstrip(" :;,") or error[:24]


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"\s", value) else value
