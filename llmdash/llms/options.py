"""Options of a request, from several levels: the narrower one replaces the wider one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["TOKEN_LIMITS", "merge_options"]

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""The names that a limit on the answer's tokens has, in one dialect or another."""


def merge_options(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a wider level, such as a run, overridden by those of a narrower one.

    A token limit under any of its names replaces that of the wider level under any of them, since a server
    refuses two.
    """
    if not narrower:
        return wider
    kept = dict(wider)
    if any(name in narrower for name in TOKEN_LIMITS):
        for name in TOKEN_LIMITS:
            kept.pop(name, None)
    return {**kept, **narrower}
