"""Options of a request, from several levels: the narrower one replaces the wider one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["TOKEN_LIMITS", "merge_options", "token_limit"]

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""The names that a limit on the answer's tokens has, in one dialect or another."""

_LIMITS = frozenset(TOKEN_LIMITS)


def merge_options(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a wider level, such as a run, overridden by those of a narrower one.

    A token limit under any of its names replaces that of the wider level under any of them, since a server
    refuses two.
    """
    if not narrower:
        return wider
    if _LIMITS.isdisjoint(narrower):
        return {**wider, **narrower}
    return {**{name: value for name, value in wider.items() if name not in _LIMITS}, **narrower}


def has_token_limit(options: Mapping[str, Any]) -> bool:
    """Return True if a limit on the answer's tokens is given, under whichever name."""
    return any(options.get(name) is not None for name in TOKEN_LIMITS)


def token_limit(options: Mapping[str, Any]) -> int | None:
    """Return the most tokens that an answer may have by these options, over all its candidates; None without
    a limit.
    """
    limit = next((_whole(options[name]) for name in TOKEN_LIMITS if options.get(name) is not None), None)
    if limit is None:
        return None
    return limit * max(1, *(_whole(options.get(name)) or 1 for name in ("n", "best_of")))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
