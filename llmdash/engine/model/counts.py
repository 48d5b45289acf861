"""Numbers of things in words."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun: `1 request`, `2,000 requests`; `plural` is for other endings."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
