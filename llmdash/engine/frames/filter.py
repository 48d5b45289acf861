"""The filter language of the job table: `state:failed key:a1f2 time>2s text`. A job must match all terms.

A term that names no field is a text to be found in ids, errors, prompts and answers; `"two words"` is one
text. One that names a carried field, by itself or as `input.NAME`, is about what that is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import NamedTuple, TypeVar

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.filter_words import (
    ERROR_CLASSES,
    FIELDS,
    OTHER_NAMES,
    STATES,
    VERDICTS,
    WAITING,
    plain_names,
    unknown_field,
)
from llmdash.engine.frames.text_search import NO_SEARCH, Search, Sought
from llmdash.engine.model.states import AnswerFlag, JobState, WaitReason
from llmdash.engine.store.job_columns import CLASSES, NO_KEY, Columns, JobValues

__all__ = [
    "NO_FACTS",
    "NO_WAITS",
    "Filter",
    "FilterError",
    "FilterFacts",
    "Predicate",
    "Term",
    "compile_filter",
]

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
_WORD = re.compile(r'[^\s"]*"[^"]*"?|\S+')
_TERM = re.compile(r"(?P<name>[^\s\":=<>]+)(?P<op>>=|<=|[:=<>])(?P<value>.*)", re.IGNORECASE | re.DOTALL)
_OWN = re.compile(r"[a-z#]+", re.IGNORECASE)
_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|min|m|h|)")

_LIST = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*")
_MOST_BATCHES = 65_535
_LEAST_SOUGHT = 2
"""Characters of a text that is looked for in prompts and answers: nearly all of them have any single one."""

NO_WAITS = Waits()


class FilterFacts(NamedTuple):
    """What else terms may be about: the endpoint of each key by its label, and the names of the carried
    fields.
    """

    endpoints: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()


NO_FACTS = FilterFacts()


class FilterError(ValueError):
    """An invalid filter; the text names the term and what is allowed there."""


class Term(NamedTuple):
    """A term as it was typed, and whether a job matches it."""

    text: str
    test: Predicate


class Filter(NamedTuple):
    """The terms of a filter, and what is to be found in prompts, answers and carried fields."""

    terms: tuple[Term, ...] = ()
    words: tuple[Sought, ...] = ()

    @property
    def predicate(self) -> Predicate | None:
        """Return the filter as a predicate on a job's number; None if every job passes."""
        tests = [term.test for term in self.terms]
        if len(tests) <= 1:
            return tests[0] if tests else None
        return lambda job: all(test(job) for test in tests)


def compile_filter(
    text: str,
    columns: Columns,
    job_id: Callable[[int], str],
    waits: Waits = NO_WAITS,
    search: Search = NO_SEARCH,
    about: FilterFacts = NO_FACTS,
) -> Filter:
    """Return the filter. Raises FilterError."""
    compiling = _Compiling(columns, job_id, waits, search, about, [])
    terms = tuple(Term(term, compiling.term(term)) for term in _WORD.findall(text))
    return Filter(terms, tuple(compiling.words))


class _Compiling(NamedTuple):
    columns: Columns
    job_id: Callable[[int], str]
    waits: Waits
    search: Search
    about: FilterFacts
    words: list[Sought]
    """What was to be found so far."""

    def term(self, term: str) -> Predicate:
        match = _TERM.fullmatch(term)
        name = "" if match is None else match["name"].lower()
        field = plain_names(self.about.fields).get(name) if name not in (*FIELDS, *OTHER_NAMES) else None
        if match is None or (field is None and not _OWN.fullmatch(name)):
            return self._text(term.strip('"'))
        op, value = match["op"], match["value"].strip('"')
        if not value:
            raise FilterError(f"{term}: a value must follow {op}")
        if field is not None:
            return self._sought(Sought(value, field, op))
        return self._own(term, name, op, value)

    def _own(self, term: str, name: str, op: str, value: str) -> Predicate:
        """A term about what the run knows of every job."""
        columns = self.columns
        if name == "#" and op in ":=" and _LIST.fullmatch(value):
            return _numbered(value)
        if name == "batch":
            return _in_batches(term, op, value, columns)
        numbers = _number_column(name, columns)
        if numbers is not None:
            return _compared(term, numbers, _OPERATORS[op], value)
        match name:
            case "state":
                return self._state(_named(term, value, STATES))
            case "is" | "verdict":
                named_so = _named(term, value, VERDICTS)
                if isinstance(named_so, AnswerFlag):
                    return _flagged(columns.flags, named_so)
                return _among(columns.verdict, {named_so})
            case "key":
                return _among(columns.key, columns.keys.find(value))
            case "endpoint":
                return _among(columns.key, self._keys_of(value))
            case "worker":
                return _among(columns.worker, columns.workers.matching(value.split(",")))
            case "error":
                return _failing(value.lower(), columns)
            case "had":
                return _among(columns.failure, {CLASSES[_named(term, value, ERROR_CLASSES)]})
            case "id":
                return self._id(value)
            case "text":
                return self._text(value)
        raise FilterError(unknown_field(term, name, tuple(plain_names(self.about.fields))))

    def _keys_of(self, value: str) -> set[int]:
        """The numbers of the keys of the endpoints with `value` in their name."""
        named_so = (label for label, name in self.about.endpoints if value.lower() in name.lower())
        return set(map(self.columns.keys.known, named_so)) - {NO_KEY}

    def _state(self, named: frozenset[JobState] | WaitReason) -> Predicate:
        state, waits = self.columns.state, self.waits
        if not isinstance(named, WaitReason):
            return _among(state, named)
        return lambda job: state[job] in WAITING and waits.reason(job, JobState(state[job])) is named

    def _id(self, part: str) -> Predicate:
        wanted, job_id = part.lower(), self.job_id
        return lambda job: wanted in job_id(job).lower()

    def _text(self, text: str) -> Predicate:
        """In an id or an error, or else in a prompt or an answer."""
        error, is_of_id = self.columns.error, self._id(text)
        errors = self.columns.errors.find(text)
        if len(text) < _LEAST_SOUGHT:
            return lambda job: error[job] in errors or is_of_id(job)
        is_in_text = self._sought(Sought(text))
        return lambda job: error[job] in errors or is_of_id(job) or is_in_text(job)

    def _sought(self, sought: Sought) -> Predicate:
        self.words.append(sought)
        return self.search.has(sought)


def _numbered(value: str) -> Predicate:
    """The jobs of a list of numbers, counted from 1: `3,7-9`."""
    parts = (part.partition("-") for part in value.split(","))
    ranges = [range(int(first) - 1, int(last or first)) for first, _dash, last in parts]
    return lambda job: any(job in one for one in ranges)


def _in_batches(term: str, op: str, value: str, columns: Columns) -> Predicate:
    """The jobs that are, or were last, in the batches of these numbers: `3`, `1,4-6`."""
    if op not in ":=" or not _LIST.fullmatch(value):
        raise FilterError(f"{term}: this takes the numbers of batches, as batch:3 or batch:1,4-6")
    parts = (part.partition("-") for part in value.split(","))
    ranges = (
        range(max(1, int(first)), min(int(last or first), _MOST_BATCHES) + 1) for first, _, last in parts
    )
    wanted = frozenset(chain.from_iterable(ranges))
    return lambda job: columns.batch[job] in wanted


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
        raise FilterError(f"{term}: not known; there are {', '.join(names)}")
    return found


def _among(column: JobValues[int], wanted: Iterable[int]) -> Predicate:
    allowed = frozenset(wanted)
    return lambda job: column[job] in allowed


def _class_number(name: str) -> int | None:
    kind = ERROR_CLASSES.get(name)
    return None if kind is None else CLASSES[kind]


def _failing(value: str, columns: Columns) -> Predicate:
    """Jobs whose last failure is of the class of that name, or has that text, and that were not answered."""
    of_class, error, failure = _class_number(value), columns.error, columns.failure
    with_text = columns.errors.find(value)
    return lambda job: error[job] in with_text or (bool(error[job]) and failure[job] == of_class)


def _flagged(column: JobValues[int], wanted: AnswerFlag) -> Predicate:
    bits = int(wanted) & 0xFF
    return lambda job: bool(column[job] & bits)


def _compared(
    term: str, column: JobValues[float], compare: Callable[[float, float], bool], value: str
) -> Predicate:
    match = _NUMBER.fullmatch(value.lower())
    if match is None:
        raise FilterError(f"{term}: this takes a number, such as 2, 2.5s, 300ms")
    bound = float(match["number"]) * _UNITS[match["unit"]]
    return lambda job: bool(column[job]) and compare(column[job], bound)
