"""Checks of answers: how the text of an answer is compared with what was expected."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from llmdash.prompts.answers import first_json, first_json_object, number_of, score_text
from llmdash.prompts.verdict import Verdict

__all__ = ["CHECKS", "CheckError", "check_answer", "last_number", "parse_check", "taken_from"]

_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+\u2212\u2010-\u2013]?)"
    r"(?P<digits>[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|"
    r"[0-9]{1,3}(?P<group>[,'\u2019\xa0\u2009\u202f])[0-9]{3}(?:(?P=group)[0-9]{3})*(?:\.[0-9]+)?|"
    r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?P<power>[eE][+-]?[0-9]{1,3})?(?![0-9])"
)
_LONE_MINUS = re.compile(r"=\s*([-\u2212])\s+(?=[0-9.])")
_MARKED = re.compile(r"(?:\\boxed\{|####\s*)(?P<value>[^}\n]{1,80})")
_MOST_SCANNED = 200_000  # characters at the end of an answer that can hold its number
_PATTERN_S = 0.25
"""How long one pattern may look at one answer: some patterns would take for ever."""


class CheckError(ValueError):
    """A check that is not known, or an expected value that it cannot use; the text says why."""


def parse_check(value: object) -> str:
    """Return the name of a check. Raises CheckError for anything else."""
    if isinstance(value, str) and value.strip().lower() in CHECKS:
        return value.strip().lower()
    raise CheckError(f"{str(value)[:40]!r} is not a check; known are {', '.join(CHECKS)}")


def check_answer(check: str | None, expected: str | None, text: str) -> Verdict:
    """Return the verdict on `text` by a check; UNSCORED where nothing is expected.

    | check | an answer is right that |
    |---|---|
    | `equal` | is the expected text, apart from white space around it |
    | `number` | ends with the expected number, however it is written: `1,234.0` is 1234 |
    | `contains` | contains the expected text, in capitals or not |
    | `pattern` | matches the expected regular expression somewhere |
    | `json` | holds the expected JSON value; 3.0 is 3, and the order of keys is free |
    | None | is equal, or has a JSON object whose `result` is |
    """
    if expected is None:
        return Verdict.UNSCORED
    return score_text(expected, text) if check is None else _COMPARE[check](expected, text)


def taken_from(check: str | None, text: str) -> str:
    """Return what a check takes from an answer to compare it; empty where it finds nothing, or takes nothing
    in particular.

    >>> taken_from("number", "17 and 4 make 21.")
    '21'
    """
    take = _TAKE.get(check or "")
    value = take(text) if take is not None else None
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _result(text: str) -> Any:
    """The `result` of the first JSON object in a text; without an object, the text."""
    found = first_json_object(text)
    return text.strip() if found is None else found.get("result")


def _json(text: str) -> Any:
    found = first_json(text)
    return None if found is None else found[0]


def last_number(text: str) -> int | float | None:
    """Return the number that an answer ends with, None if it has none.

    A number that the text marks as its answer (`\\boxed{3}`, `#### 3`) goes before the last one. A sign
    counts unless it stands between two numbers. Thousands are divided as in `1,234.5`, `1'234.5`, by a
    narrow or no-break space, or as in `1.234,5`.

    >>> last_number("26 - 29 + 6 = 3. Hope that helps!")
    3
    """
    text = _LONE_MINUS.sub(r"= \1", text[-_MOST_SCANNED:])
    marked = [found["value"] for found in _MARKED.finditer(text)]
    for part in (*reversed(marked), text):
        numbers = [_value(found, part) for found in _NUMBER.finditer(part)]
        if numbers:
            return numbers[-1]
    return None


def _value(found: re.Match[str], text: str) -> int | float | None:
    digits, power = found["digits"], found["power"] or ""
    if found["group"] is not None:
        digits = digits.replace(found["group"], "")
    elif "," in digits:
        digits = digits.replace(".", "").replace(",", ".")
    number = number_of(f"0{digits}{power}" if digits.startswith(".") else digits + power)
    if number is None or found["sign"] in ("", "+"):
        return number
    return number if _joins(text[max(0, found.start() - 20) : found.start()]) else -number


def _joins(before: str) -> bool:
    """Whether a sign behind this text stands between two things (`5 - 3`, `x-3`) and is none."""
    last = before.rstrip(" ")[-1:]
    return before[-1:].isalnum() or last.isdigit() or last == ")"


def _equal(expected: str, text: str) -> Verdict:
    return _verdict(text.strip() == expected.strip())


def _same_number(expected: str, text: str) -> Verdict:
    said, wanted = _answered_number(text), last_number(expected)
    if said is None:
        return Verdict.NOT_PARSEABLE
    return _verdict(wanted is not None and _close(said, wanted))


def _answered_number(text: str) -> int | float | None:
    """The `result` or `answer` of a JSON object, else the number that the text ends with."""
    found = first_json_object(text) or {}
    named = (number_of(found.get(name)) for name in ("result", "answer"))
    return next((number for number in named if number is not None), last_number(text))


def _close(one: float, other: float) -> bool:
    return one == other or math.isclose(one, other, rel_tol=1e-9)


def _contains(expected: str, text: str) -> Verdict:
    return _verdict(expected.strip().casefold() in text.casefold())


def _matches(expected: str, text: str) -> Verdict:
    patterns = importlib.import_module("regex")  # re has no limit of time; loaded where a check needs it
    try:
        return _verdict(patterns.search(expected, text, timeout=_PATTERN_S) is not None)
    except (patterns.error, TimeoutError):
        return Verdict.NOT_PARSEABLE


def _same_json(expected: str, text: str) -> Verdict:
    said = first_json(text)
    if said is None:
        return Verdict.NOT_PARSEABLE
    try:
        wanted = json.loads(expected)
    except (ValueError, RecursionError):
        return Verdict.NOT_EQUAL
    try:
        return _verdict(_alike(said[0], wanted))
    except RecursionError:
        return Verdict.NOT_PARSEABLE


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return _close(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def _verdict(right: bool) -> Verdict:
    return Verdict.RIGHT if right else Verdict.NOT_EQUAL


_COMPARE: Mapping[str, Callable[[str, str], Verdict]] = {
    "equal": _equal,
    "number": _same_number,
    "contains": _contains,
    "pattern": _matches,
    "json": _same_json,
}
_TAKE: Mapping[str, Callable[[str], Any]] = {
    "": _result,
    "equal": str.strip,
    "number": _answered_number,
    "json": _json,
}
CHECKS = tuple(_COMPARE)
"""The names of the checks."""
