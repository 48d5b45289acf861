"""What the body of a refusal says of how long to wait: in fields, in details, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmdash.llms.wire.rate_limit_headers import HINT_LIMIT_S, duration, wait_of

__all__ = ["is_daily", "names_a_day", "normal", "wait_in_fields", "wait_in_words", "walk"]

_MOST_NODES = 500
_DEEPEST = 8
_FIELD = re.compile(r"retry_(?:after|delay|in)(?:_(?:s|sec|secs|seconds|(ms|millis|milliseconds)))?")
_DAY = re.compile(r"per[ _-]?day|daily|\bRPD\b|\bTPD\b", re.IGNORECASE)
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_UNIT = r"ms|milliseconds?|msecs?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d"
_TIMED = rf"{_NUMBER} ?(?:{_UNIT})(?![a-z])"
_SPAN = rf"{_TIMED}(?:(?:,? and |, ?| )?{_TIMED})*"
_ASKS = r"\b(?:try(?:ing)? again|retry(?:ing)?|retry[-_ ]after|wait|resets?|available|back)\b"
_WORDS = re.compile(rf"{_ASKS}[^0-9\n]{{0,40}}?(?<!-)\b(?P<span>{_SPAN})")
_BARE = re.compile(rf"\bretry[-_ ]after:? ?(?P<span>{_NUMBER})(?![\d:/a-z-]|\.\d| ?%)")
_PART = re.compile(rf"({_NUMBER}) ?(ms|milli|msec|s|m|h|d)")
_SECONDS = {"ms": 0.001, "milli": 0.001, "msec": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def normal(name: str) -> str:
    """Return a name as lower case words joined by `_`, whatever its style.

    >>> normal("InvalidApiKey"), normal("retry-after-ms"), normal("API_KEY_INVALID")
    ('invalid_api_key', 'retry_after_ms', 'api_key_invalid')
    """
    return re.sub(r"[-\s]+", "_", _CAMEL.sub("_", name)).lower()


def walk(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of all fields in a document, those outside first; bounded in depth and number."""
    level, seen = [document], 0
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                for name, value in one.items():
                    seen += 1
                    if seen > _MOST_NODES:
                        return
                    yield name, value
                    below.append(value)
            elif isinstance(one, list):
                below += one[:_MOST_NODES]
        level = below[:_MOST_NODES]


def wait_in_fields(document: Any) -> float | None:
    """Return the seconds that a field asks for (`retryDelay: "6s"`, `retry_after_ms: 800`), or the headers
    that a document passes on; None if none does.
    """
    for name, value in walk(document):
        field = _FIELD.fullmatch(normal(name[:40]))
        if field:
            seconds = _span(value)
            if seconds is not None:
                return _valid(seconds / 1000 if field[1] else seconds)
        if name == "headers" and isinstance(value, Mapping):
            passed_on = {one.lower(): str(text)[:100] for one, text in value.items()}
            wait = wait_of(passed_on)
            if wait is not None:
                return wait.seconds
    return None


def _span(value: Any) -> float | None:
    if isinstance(value, Mapping):
        whole, rest = _number(value.get("seconds", 0)), _number(value.get("nanos", 0))
        return None if whole is None or rest is None else whole + rest / 1e9
    if isinstance(value, str):
        text = value.strip()[:50]
        return float(text) if re.fullmatch(_NUMBER, text) else duration(text)
    return _number(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,12}", value):
        return float(value)
    if type(value) is int:
        return float(min(max(value, 0), 10**12))
    return value if isinstance(value, float) else None


def _valid(seconds: float) -> float | None:
    return min(seconds, HINT_LIMIT_S) if math.isfinite(seconds) and seconds > 0 else None


def wait_in_words(message: str, asked: str = "") -> float | None:
    """Return the seconds of "try again in 6s", "in 1m30s", "Please wait 3.2 seconds", "retry after 12"; None
    if there is none, or none but in `asked`, the words of the request.
    """
    said = message.lower()
    for pattern in (_WORDS, _BARE):
        for match in pattern.finditer(said):
            if match.group() not in asked:
                found = _valid(_seconds(match["span"]))
                if found is not None:
                    return found
    return None


def _seconds(span: str) -> float:
    parts = _PART.findall(span)
    if not parts:
        return float(span)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def is_daily(document: Any) -> bool:
    """Whether a violation in the document names a quota of a day."""
    for name, value in walk(document):
        if normal(name[:40]) in ("violations", "quota_violations"):
            texts = (text for _, text in walk(value) if isinstance(text, str))
            if any(names_a_day(text) for text in texts):
                return True
    return False


def names_a_day(text: str) -> bool:
    """Whether a text speaks of a day's limit."""
    return _DAY.search(text[:2000]) is not None
