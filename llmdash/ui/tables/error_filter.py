"""The filter of the job table that shows the jobs of a group of errors."""

from __future__ import annotations

import re

__all__ = ["filter_for"]

_WORD = re.compile(r"(?<![\w#])[A-Za-z0-9][\w.'-]*[\w](?![\w#])")
_MOST_WORDS = 8


def filter_for(name: str) -> str:
    """Return a filter of the job table that matches the jobs of a group: those that failed with its words.

    >>> filter_for("404 model # not found: see https://example.org")
    'state:failed error:404 error:model error:not error:found error:see'
    """
    words = dict.fromkeys(match.group() for match in _WORD.finditer(re.sub(r"\S*[:=<>]\S+", " ", name)))
    return " ".join(["state:failed", *(f"error:{word}" for word in list(words)[:_MOST_WORDS])])
