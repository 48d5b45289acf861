"""The filter language of the job table: `state:failed key:a1f2 time>2s text`. A job must match all terms."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.model.errors import ErrorClass
from llmdash.engine.model.states import AnswerFlag, JobState, WaitReason
from llmdash.engine.store.job_columns import CLASSES, Columns, JobValues
from llmdash.prompts.verdict import Verdict

__all__ = ["NO_WAITS", "FilterError", "Predicate", "compile_filter"]

Predicate = Callable[[int], bool]
T = TypeVar("T")

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ":": operator.eq,
}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "": 1.0}
_TERM = re.compile(r"(?P<name>[a-z#]+)(?P<op>>=|<=|[:=<>])(?P<value>.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|min|m|h|)")
_WAITING = frozenset({JobState.LIMITER, JobState.KEY, JobState.BACKOFF})
_STATES: dict[str, frozenset[JobState] | WaitReason] = {
    **{state.name.lower(): frozenset({state}) for state in JobState},
    **{reason.value: reason for reason in WaitReason},
    "stream": frozenset({JobState.STREAMING}),
    "waiting": _WAITING,
    "flight": frozenset({JobState.SENT, JobState.STREAMING}),
    "ended": frozenset({JobState.DONE, JobState.INVALID, JobState.FAILED, JobState.CANCELLED}),
}
_VERDICTS: dict[str, Verdict | AnswerFlag] = {
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
_CLASSES: dict[str, ErrorClass] = {kind.value: kind for kind in ErrorClass}

NO_WAITS = Waits()


class FilterError(ValueError):
    """An invalid filter; the text names the term and what is allowed there."""


def compile_filter(
    text: str, columns: Columns, job_id: Callable[[int], str], waits: Waits = NO_WAITS
) -> Predicate | None:
    """Return the filter as a predicate on a job's number; None if every job passes.

    Raises FilterError.
    """
    tests = [_term(term, columns, job_id, waits) for term in text.split()]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda job: all(test(job) for test in tests)


def _term(term: str, columns: Columns, job_id: Callable[[int], str], waits: Waits) -> Predicate:
    match = _TERM.fullmatch(term)
    if match is None:
        return _text(term, columns, job_id)
    name, op, value = match["name"].lower(), match["op"], match["value"]
    if not value:
        raise FilterError(f"{term}: a value must follow {op}")
    if name == "state":
        named = _named(term, value, _STATES)
        return (
            _waiting_for(named, columns, waits)
            if isinstance(named, WaitReason)
            else _among(columns.state, named)
        )
    if name in ("is", "verdict"):
        named_so = _named(term, value, _VERDICTS)
        if isinstance(named_so, AnswerFlag):
            return _flagged(columns.flags, named_so)
        return _among(columns.verdict, {named_so})
    if name == "key":
        return _among(columns.key, columns.keys.find(value))
    if name == "worker":
        return _among(columns.worker, columns.workers.matching(value.split(",")))
    if name == "error":
        return _failing(value.lower(), columns)
    if name == "had":
        return _among(columns.failure, {CLASSES[_named(term, value, _CLASSES)]})
    numbers = _number_column(name, columns)
    if numbers is None:
        raise FilterError(
            f"{term}: no such field;"
            " there are state, is, key, worker, error, had, time, ttft, wait, try, in, out, #"
        )
    return _compared(term, numbers, _OPERATORS[op], value)


def _number_column(name: str, columns: Columns) -> JobValues[float] | None:
    known: dict[str, JobValues[float]] = {
        "time": columns.time,
        "ttft": columns.ttft,
        "wait": columns.wait,
        "try": columns.tries,
        "tries": columns.tries,
        "in": columns.input_tokens,
        "out": columns.output_tokens,
        "#": range(1, columns.jobs + 1),
    }
    return known.get(name)


def _named(term: str, value: str, names: Mapping[str, T]) -> T:
    found = names.get(value.lower())
    if found is None:
        raise FilterError(f"{term}: there are {', '.join(names)}")
    return found


def _among(column: JobValues[int], wanted: Iterable[int]) -> Predicate:
    allowed = frozenset(wanted)
    return lambda job: column[job] in allowed


def _class_number(name: str) -> int | None:
    kind = _CLASSES.get(name)
    return None if kind is None else CLASSES[kind]


def _failing(value: str, columns: Columns) -> Predicate:
    """Jobs whose last failure is of the class of that name, or has that text, and that were not answered."""
    of_class, error, failure = _class_number(value), columns.error, columns.failure
    with_text = columns.errors.find(value)
    return lambda job: error[job] in with_text or (bool(error[job]) and failure[job] == of_class)


def _flagged(column: JobValues[int], wanted: AnswerFlag) -> Predicate:
    bits = int(wanted) & 0xFF
    return lambda job: bool(column[job] & bits)


def _waiting_for(reason: WaitReason, columns: Columns, waits: Waits) -> Predicate:
    state = columns.state
    return lambda job: state[job] in _WAITING and waits.reason(job, JobState(state[job])) is reason


def _compared(
    term: str, column: JobValues[float], compare: Callable[[float, float], bool], value: str
) -> Predicate:
    match = _NUMBER.fullmatch(value.lower())
    if match is None:
        raise FilterError(f"{term}: this takes a number, such as 2, 2.5s, 300ms")
    bound = float(match["number"]) * _UNITS[match["unit"]]
    return lambda job: bool(column[job]) and compare(column[job], bound)


def _text(term: str, columns: Columns, job_id: Callable[[int], str]) -> Predicate:
    wanted = term.lower()
    errors = columns.errors.find(wanted)
    return lambda job: columns.error[job] in errors or wanted in job_id(job).lower()
