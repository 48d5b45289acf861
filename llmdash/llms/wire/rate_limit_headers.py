"""Rate limit headers of a response: what is left, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from llmdash.llms.messages import Hints

__all__ = [
    "HINT_LIMIT_S",
    "RetryHint",
    "asked_for",
    "duration",
    "parse_limits",
    "retry_after",
    "unprefixed",
    "wait_of",
]

HINT_LIMIT_S = 31 * 86_400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15})(ms|s|m|h|d)")
_EPOCH_S = 1e9  # a bare number from here on is a moment of this century, below it a span of seconds
_OPENAI = "x-ratelimit-{1}-{0}"
_ANTHROPIC = "anthropic-ratelimit-{0}-{1}"
_MOST = 2**53
_PREFIXED = re.compile(
    r".*?[-_]((?:x-|anthropic-)ratelimit-.+|(?<!x-)(?<!anthropic-)ratelimit-.+|retry-after(?:-ms)?)"
)


class RetryHint(NamedTuple):
    """How long to wait, in seconds. A guess is when a limit is full again: nobody asked to wait so long."""

    seconds: float
    is_guess: bool = False


def parse_limits(headers: Mapping[str, str]) -> Hints | None:
    """Return the limits in the headers of OpenAI (`x-ratelimit-remaining-requests`) or Anthropic
    (`anthropic-ratelimit-requests-remaining`), None if there are none. Those under a proxy's prefix count
    where there are no others.

    A limit of -1 or 0 is unknown, and so is its remainder. Anthropic's `tokens` go before its
    `input-tokens` and `output-tokens`, of which the one with less left counts.
    """
    if not any("ratelimit" in name for name in headers):
        return None
    return _limits(headers) or _limits(unprefixed(headers))


def _limits(headers: Mapping[str, str]) -> Hints | None:
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


def unprefixed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a proxy passes on under a prefix of its own (`llm_provider-retry-after`), under
    their own names, with the date of the response.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        if ("ratelimit" in name or "retry-after" in name) and (match := _PREFIXED.fullmatch(name)):
            found.setdefault(match[1], value)
    if found and "date" in headers:
        found["date"] = headers["date"]
    return found


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `wait_of` without a hint from the body."""
    wait = wait_of(headers)
    return None if wait is None else wait.seconds


def wait_of(headers: Mapping[str, str], in_body: float | None = None) -> RetryHint | None:
    """Return the server's hint, None if there is none. In this order: `retry-after-ms`, `retry-after`, what
    the body asks for (`in_body`, seconds), the longest reset among the limits of which nothing remains; the
    same under a proxy's prefix; else the smallest reset, which is a guess.

    A date is counted from the response's own `Date`, so that a wrong local clock does not matter. Hints that
    are not finite and positive are ignored; all are capped at 31 days.
    """
    passed_on = unprefixed(headers)
    own = {name: value for name, value in headers.items() if _PREFIXED.fullmatch(name) is None}
    asked = asked_for(own)
    firm = (
        asked if asked is not None else in_body,
        max(_resets(own, of_empty=True), default=None),
        asked_for(passed_on),
        max(_resets(passed_on, of_empty=True), default=None),
    )
    for seconds in firm:
        if seconds is not None:
            return RetryHint(seconds)
    guesses = (min(_resets(found, of_empty=False), default=None) for found in (own, passed_on))
    return next((RetryHint(seconds, is_guess=True) for seconds in guesses if seconds is not None), None)


def _resets(headers: Mapping[str, str], *, of_empty: bool) -> Iterator[float]:
    """The seconds of the resets: of all limits, or only of those of which nothing remains."""
    for name, value in headers.items():
        seconds = _reset_seconds(name, value, headers.get("date"))
        if seconds is not None and (not of_empty or _is_empty(headers, name)):
            yield seconds


def _is_empty(headers: Mapping[str, str], reset: str) -> bool:
    """Whether nothing remains of the limit whose reset has this name; a limit of 0 or -1 is unknown."""
    limit = _count(headers.get(reset.replace("reset", "limit")))
    return _count(headers.get(reset.replace("reset", "remaining"))) == 0 and (limit is None or limit > 0)


def asked_for(headers: Mapping[str, str]) -> float | None:
    """Return what `retry-after-ms`, else `retry-after`, asks for, in seconds."""
    milliseconds = _positive(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(milliseconds / 1000, HINT_LIMIT_S)
    given = headers.get("retry-after", "")
    return _capped(_positive(given) or duration(given) or _seconds_until(given, headers.get("date")))


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
    return _capped(duration(value) or _seconds_until(value, date))


def _seconds_after_epoch(number: float, date: str | None) -> float | None:
    """Seconds until a moment given in seconds or milliseconds since 1970."""
    start = _moment(date or "") or datetime.now(UTC)
    seconds = (number / 1000 if number >= _EPOCH_S * 100 else number) - start.timestamp()
    return seconds if seconds > 0 else None


def duration(text: str) -> float | None:
    """Return the seconds of a duration such as `12ms`, `1s`, `6m0s` or `1h2m3.5s` (OpenAI's reset headers);
    None for anything else and for none at all.
    """
    parts = _DURATION_PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or None
