"""Amounts of money and time, and shares, in words: front ends and the engine's own texts say them alike."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LONG_REQUEST", "dollars", "parts_of", "rate_words", "share", "significant", "span"]

LONG_REQUEST: Final = 128_000
"""Input tokens beyond which a request may have another price a token; the least of the providers' bounds."""
_PART: Final = 100_000

_UNKNOWN: Final = "–"
_MOST_PLACES: Final = 8


def dollars(value: float | None) -> str:
    """Return an amount in two digits that count at least: `$12.30`, `$0.43`, `$0.073`, `$0.0043`.

    A dash where it is not known.
    """
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    if value <= 0 or value >= 0.0995:
        return f"${max(0.0, value):,.2f}"
    places = min(_MOST_PLACES, 1 - math.floor(math.log10(significant(value, 2))))
    return f"${value:.{places}f}"


def parts_of(input_tokens: int, long_requests: int) -> int:
    """Return in how many equal parts a sum of tokens is priced, so that each has the price of the requests it
    is the sum of: those that are long are apart, `long_requests` of them; else it is 0.
    """
    return long_requests or input_tokens // _PART + 1


def share(value: float | None, places: int = 1) -> str:
    """Return a share of 1 as percent, rounded to `places`; but only the whole is `100.0%`, and only nothing
    `0.0%`.

    A dash where it is not known.
    """
    if value is None:
        return _UNKNOWN
    percent = 100 * min(1.0, max(0.0, value))
    if 0.0 < percent < 100.0:
        least = 10.0**-places
        percent = min(100.0 - least, max(least, percent))
    return f"{percent:.{places}f}%"


def rate_words(per_s: float | None) -> str:
    """Return a rate as one sets it, in the unit in which it is at least 1: `20/s`, `2.5/min`, `50/h`."""
    if per_s is None:
        return "unlimited"
    size, unit = next(
        ((size, unit) for size, unit in ((1, "s"), (60, "min")) if per_s * size >= 1 - 1e-9), (3600, "h")
    )
    return f"{float(f'{per_s * size:.3g}'):,g}/{unit}"


def significant(value: float, digits: int = 3) -> float:
    """Return `value` (above 0) rounded to `digits` significant digits."""
    return float(f"{value:.{digits - 1}e}")


def span(seconds: float) -> str:
    """Return an estimate of seconds, in two units, both named: `45s`, `6m41s`, `10m26s`, `2h05m`, `3d04h`.

    At most six cells up to 99,999 days.
    """
    minutes, second = divmod(max(0, round(seconds if math.isfinite(seconds) else 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h" if days < 100 else f"{days}d"
    if hours:
        return f"{hour}h{minute:02}m"
    return f"{minutes}m{second:02}s" if minutes else f"{second}s"
