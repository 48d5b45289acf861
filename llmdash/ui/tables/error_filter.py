"""The filter of the job table that shows the jobs of a group of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmdash.engine.model.errors import ErrorGroup

__all__ = ["filter_for"]

_WORD = re.compile(r"(?<![\w*])[A-Za-z0-9][\w.'-]*[\w](?![\w*])")
_MOST_WORDS = 8


def filter_for(group: ErrorGroup, others: Iterable[ErrorGroup] = ()) -> str:
    """Return a filter of the job table that matches the jobs of a group: those that failed for good, where
    there are any, else those whose last failed try was of its class.

    Words of the message are added where one of the `others` has failed jobs of the same class.

    >>> from llmdash.engine.model.errors import ErrorClass
    >>> filter_for(ErrorGroup("model * not found", 2, (1,), kind=ErrorClass.REQUEST))
    'error:request'
    """
    if not group.jobs:
        return f"had:{group.kind}"
    alike = any(other.jobs and other.kind is group.kind and other.id != group.id for other in others)
    words = [f"error:{word}" for word in _words(group.words)] if alike else []
    return " ".join([f"error:{group.kind}", *words])


def _words(text: str) -> list[str]:
    """The words of a message that are the same in each error of its group."""
    plain = re.sub(r"\S*[:=<>]\S+", " ", text)
    return list(dict.fromkeys(match.group() for match in _WORD.finditer(plain)))[:_MOST_WORDS]
