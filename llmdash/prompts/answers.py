"""Scoring of answers: finds the JSON object in the text, and compares it with what was expected."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from llmdash.prompts.verdict import Verdict

__all__ = ["first_json", "first_json_object", "number_of", "score_arithmetic", "score_text"]

_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_MAX_DIGITS = 400  # a number written as text; more is not an answer, and converting it is slow

_OPENING = re.compile(
    r'\{(?=\s*["}])'
)  # where an object can begin; leaves out the braces of code and formulas
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_BUDGET = 256  # characters scanned for each character of the text; about 0.1 ms a kilobyte at worst

# NaN and Infinity are not JSON, yet models write them; None makes them "not a number" below.
_DECODER = json.JSONDecoder(parse_constant=lambda _name: None)


def first_json_object(text: str) -> dict[str, Any] | None:
    """Return the first `{...}` in `text` that is a JSON object, whatever is around it; None if there is none.

    The work is linear in the length of `text`: the cost of failed attempts is counted, and the search ends
    when the budget is spent. Objects nested too deeply are ignored.
    """
    budget = _BUDGET * len(text) + 4096
    for start in _OPENING.finditer(text):
        at = start.start()
        try:
            found, _end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            # The decoder read from `at` on; the error then counted the lines from the beginning of the text.
            budget -= error.pos + _BUDGET // 8 * (error.pos - at)
        except ValueError:  # an integer of thousands of digits; its position is not known
            budget -= _BUDGET // 8 * (len(text) - at)
        except RecursionError:
            return None
        else:
            # What starts with "{" decodes to a dict or not at all.
            return found if isinstance(found, dict) else None
        if budget <= 0:
            return None
    return None


def first_json(text: str) -> tuple[Any] | None:
    """Return the JSON value of an answer, in a tuple of one, since it may be null; None if there is none.

    The whole text is read, else what stands in its first fence of ```, else its first JSON object.
    """
    fenced = _FENCE.search(text)
    for part in (text, fenced[1] if fenced is not None else ""):
        try:
            return (_DECODER.decode(part.strip()),)
        except (ValueError, RecursionError):
            continue
    found = first_json_object(text)
    return None if found is None else (found,)


def number_of(value: object) -> int | float | None:
    """Return `value` as a finite number: a number itself, or text such as `42`, `1,234` or `42.0`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _number_in(value.strip())
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return None


def _number_in(text: str) -> int | float | None:
    if len(text) > _MAX_DIGITS:
        return None
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif not _PLAIN.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return number if math.isfinite(number) else None


def score_arithmetic(expected: str, text: str) -> Verdict:
    """RIGHT when the first JSON object in `text` has a `result` that equals `expected` as a number.

    NOT_PARSEABLE when there is no such object or its `result` is not a number.
    """
    answer = first_json_object(text)
    result = number_of(answer.get("result")) if answer is not None else None
    if result is None:
        return Verdict.NOT_PARSEABLE
    return Verdict.RIGHT if result == number_of(expected) else Verdict.NOT_EQUAL


def score_text(expected: str | None, text: str) -> Verdict:
    """Return the verdict where any kind of text may be expected; UNSCORED where nothing is.

    RIGHT when both are equal apart from white space around them, or when the first JSON object in `text`
    has a `result` that equals `expected`, as text or as a number.
    """
    if expected is None:
        return Verdict.UNSCORED
    wanted = expected.strip()
    if text.strip() == wanted:
        return Verdict.RIGHT
    answer = first_json_object(text)
    if answer is None or "result" not in answer:
        return Verdict.NOT_EQUAL
    result = answer["result"]
    if isinstance(result, str) and result.strip() == wanted:
        return Verdict.RIGHT
    number = number_of(result)
    return Verdict.RIGHT if number is not None and number == number_of(wanted) else Verdict.NOT_EQUAL
