"""Rate limit headers of a response: what is left, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from llmdash.llms.messages import Hints

__all__ = ["HINT_LIMIT_S", "asked_for", "parse_limits", "retry_after"]

HINT_LIMIT_S = 31 * 86_400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15})(ms|s|m|h|d)")
_EPOCH_S = 1e9  # a bare number from here on is a moment of this century, below it a span of seconds
_OPENAI = "x-ratelimit-{1}-{0}"
_ANTHROPIC = "anthropic-ratelimit-{0}-{1}"
_MOST = 2**53


def parse_limits(headers: Mapping[str, str]) -> Hints | None:
    """Return the limits in the headers of OpenAI (`x-ratelimit-remaining-requests`) or Anthropic
    (`anthropic-ratelimit-requests-remaining`), None if there are none.

    A limit of -1 or 0 is unknown, and so is its remainder. Anthropic's `tokens` go before its
    `input-tokens` and `output-tokens`, of which the one with less left counts.
    """
    if not any("ratelimit" in name for name in headers):
        return None
    form = _ANTHROPIC if any(name.startswith("anthropic-") for name in headers) else _OPENAI
    requests = _level(headers, form, "requests")
    tokens = _level(headers, form, "tokens")
    if form is _ANTHROPIC and tokens == _UNKNOWN:
        parts = (_level(headers, form, name) for name in ("input-tokens", "output-tokens"))
        tokens = min((part for part in parts if part[1] is not None), key=_left, default=_UNKNOWN)
    return None if requests == tokens == _UNKNOWN else Hints(*requests, *tokens)


_Level = tuple[int | None, int | None, float | None]
_UNKNOWN: _Level = (None, None, None)


def _left(level: _Level) -> int:
    return level[1] or 0


def _level(headers: Mapping[str, str], form: str, what: str) -> _Level:
    """Limit, remaining and reset of requests or tokens."""
    limit = _count(headers.get(form.format(what, "limit")))
    remaining = _count(headers.get(form.format(what, "remaining")))
    if (limit is not None and limit <= 0) or (remaining is not None and remaining < 0):
        return _UNKNOWN
    name = form.format(what, "reset")
    reset = None if name not in headers else _reset_seconds(name, headers[name], headers.get("date"))
    return limit, remaining, reset


def _count(text: str | None) -> int | None:
    found = None if text is None else re.fullmatch(r"\s*(-?[0-9]{1,16})(?:\.0*)?\s*", text, re.ASCII)
    return None if found is None else max(-1, min(int(found[1]), _MOST))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the server's hint in seconds, None if there is none: `retry-after-ms`, else `retry-after`, else
    the largest reset header.

    A date is counted from the response's own `Date`, so that a wrong local clock does not matter. Hints that
    are not finite and positive are ignored; all are capped at 31 days.
    """
    asked = asked_for(headers)
    if asked is not None:
        return asked
    resets = [_reset_seconds(name, value, headers.get("date")) for name, value in headers.items()]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def asked_for(headers: Mapping[str, str]) -> float | None:
    """Return what `retry-after-ms`, else `retry-after`, asks for, in seconds."""
    milliseconds = _positive(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(milliseconds / 1000, HINT_LIMIT_S)
    given = headers.get("retry-after", "")
    return _capped(_positive(given) or _seconds_until(given, headers.get("date")))


def _positive(text: str) -> float | None:
    """A plain decimal number above zero; nothing else that Python takes for a number."""
    if not re.fullmatch(r"\s*[0-9]{1,300}(\.[0-9]{0,300})?\s*", text, re.ASCII):
        return None
    number = float(text)
    return number if number > 0 else None


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, HINT_LIMIT_S)


def _seconds_until(when: str, date: str | None) -> float | None:
    """Seconds from the answer's `Date` (else from now) to an HTTP date or an RFC 3339 time."""
    moment = _moment(when)
    if moment is None:
        return None
    start = _moment(date or "") or datetime.now(UTC)
    seconds = (moment - start).total_seconds()
    return seconds if seconds > 0 else None


def _moment(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _reset_seconds(name: str, value: str, date: str | None) -> float | None:
    if "ratelimit" not in name or "reset" not in name:
        return None
    number = _positive(value)
    if number is not None:
        return _capped(number if number < _EPOCH_S else _seconds_after_epoch(number, date))
    return _capped(_duration(value) or _seconds_until(value, date))


def _seconds_after_epoch(number: float, date: str | None) -> float | None:
    """Seconds until a moment given in seconds or milliseconds since 1970."""
    start = _moment(date or "") or datetime.now(UTC)
    seconds = (number / 1000 if number >= _EPOCH_S * 100 else number) - start.timestamp()
    return seconds if seconds > 0 else None


def _duration(text: str) -> float | None:
    """Seconds of a duration such as `12ms`, `1s`, `6m0s` or `1h2m3.5s` (OpenAI's reset headers)."""
    parts = _DURATION_PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or None
