"""The words of the filter language, and what helps who types one: completions, and what is meant instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    "OTHER_NAMES",
    "STATES",
    "VERDICTS",
    "WAITING",
    "completions",
    "plain_names",
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
FIELDS: Final = ("state", "is", "key", "endpoint", "worker", "batch", "error", "had", "id", "text", *NUMBERS)
OTHER_NAMES: Final = ("verdict", "tries")
INPUT: Final = "input."
"""What may stand before the name of a carried field, and has to where a field of the filter is called so."""
_MOST: Final = 8
_LEAST_VALUE: Final = 3
"""Letters from which on a word may be the beginning of a value whose field was not typed."""
_NOTHING_CARRIED: Final[Mapping[str, Sequence[str]]] = {}
_MOST_LOOKED_AT: Final = 2_000


def plain_names(fields: Iterable[str]) -> Mapping[str, str]:
    """Return the carried fields by the names that a filter has for them: in small letters, `_` for what parts
    terms, and the same behind `input.`.
    """
    plain = {re.sub(r'[\s":=<>]+', "_", name).lower(): name for name in fields}
    return plain | {f"{INPUT}{name}": field for name, field in plain.items()}


def unknown_field(term: str, name: str, carried: Sequence[str] = ()) -> str:
    """Return what to say of a term whose field there is not."""
    own = [field for field in carried if not field.startswith(INPUT)]
    near = difflib.get_close_matches(name, (*FIELDS, *OTHER_NAMES, *own), 1, 0.6)
    meant = f" did you mean {near[0]}?" if near else ""
    return f"{term}: no such field;{meant} there are {', '.join((*FIELDS, *own))}"


def completions(
    typed: str,
    columns: Columns,
    endpoints: Iterable[str] = (),
    carried: Mapping[str, Sequence[str]] = _NOTHING_CARRIED,
    batches: Sequence[int] = (),
) -> tuple[str, ...]:
    """Return how the term `typed` can go on, as whole terms: fields, then the values that occur.

    `carried` has the values of carried fields, as far as some were seen; `batches` are the numbers of those
    there are.
    """
    names = plain_names(carried)
    name, colon, begun = typed.partition(":")
    if not colon:
        found = list(_terms_from(typed.lower(), names, columns))
    else:
        own = name.lower() in (*FIELDS, *OTHER_NAMES)
        field = None if own else names.get(name.lower())
        occurring: Iterable[str]
        if field is not None:
            occurring = carried[field]
        elif name.lower() == "batch":
            occurring = map(str, reversed(batches))
        else:
            occurring = _values(name.lower(), columns, endpoints)
        values, begun = dict.fromkeys(occurring), begun.lstrip('"').lower()
        first = [value for value in values if value.lower().startswith(begun)]
        rest = [value for value in values if begun in value.lower() and value not in first]
        found = [f"{name}:{_quoted(value)}" for value in (*first, *rest)]
    return tuple(term for term in found if term != typed)[:_MOST]


def _terms_from(typed: str, names: Mapping[str, str], columns: Columns) -> Iterator[str]:
    """Fields whose name begins so; then, of a longer word, the states and verdicts that do."""
    yield from (_with_sign(field) for field in FIELDS if field.startswith(typed))
    for name in names:
        hidden = name in (*FIELDS, *OTHER_NAMES)  # then with `input.` only
        behind = name.startswith(INPUT) and name.removeprefix(INPUT) not in FIELDS
        if name.startswith(typed) and not hidden and (not behind or typed.startswith(INPUT)):
            yield f"{name}:"
    if len(typed) >= _LEAST_VALUE:
        for field in ("state", "is"):
            values = dict.fromkeys(_values(field, columns, ()))
            yield from (f"{field}:{value}" for value in values if value.startswith(typed))


def _with_sign(field: str) -> str:
    return f"{field}>" if field in NUMBERS else f"{field}:"


def _values(name: str, columns: Columns, endpoints: Iterable[str]) -> Iterator[str]:
    """The values that occur in a field, then those that could."""
    if name == "state":
        yield from (state.name.lower() for state in JobState if columns.counts[state])
        yield from STATES
    elif name in ("is", "verdict"):
        yield from VERDICTS
    elif name == "key":
        yield from _names(columns.keys)
    elif name == "endpoint":
        yield from sorted(set(endpoints))
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
    value = value.partition('"')[0].strip()
    return f'"{value}"' if re.search(r"\s", value) else value
