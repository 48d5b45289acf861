"""Numbers of things in words, and the things themselves."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted", "listed"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun: `1 request`, `2,000 requests`; `plural` is for other endings."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(things: Sequence[str], most: int = 3) -> str:
    """Return the first things and the number of the others: `w1, w2, w3 and 97 more`."""
    more = len(things) - most
    return ", ".join(things[:most]) + (f" and {more} more" if more > 0 else "")
