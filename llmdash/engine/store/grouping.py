"""Groups failures: those of one class, status and code whose messages differ only in numbers and ids."""

from __future__ import annotations

import re
from typing import NamedTuple

from llmdash.engine.model.errors import NOT_KEPT, ErrorClass, ErrorGroup, class_of

__all__ = ["ErrorKey", "ErrorNumbers", "group_at", "shape"]

_MOST_KEPT = 1_000
"""Groups beyond these are one for each class: a server that varies its messages must not fill the memory."""
_MOST_CACHED = 2_000
_LONGEST = 300
"""Characters of an error that decide its group."""
_OVERFLOW = "(more kinds of message)"
_NUMBER = r"(?<![\w-])\d[\d.,:]*(?:ms|s|m|h|k|%)?(?![\w-])"
_ID = r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-zA-Z])[\w-]{16,}(?![\w-])"
_VARYING = re.compile(f"{_ID}|{_NUMBER}")


def shape(error: str) -> str:
    """Return the error with `*` in place of numbers and ids.

    >>> shape("slow down: try again in 1.2s (request req_0123456789abcdef)")
    'slow down: try again in * (request *)'
    """
    return _VARYING.sub("*", error[:_LONGEST])


class ErrorKey(NamedTuple):
    """What failures of one group have in common."""

    kind: ErrorClass
    status: int | None
    code: str | None
    name: str


class ErrorNumbers:
    """Numbers the groups of errors, from 1, as they come."""

    def __init__(self) -> None:
        self.keys: list[ErrorKey] = []
        self._numbers: dict[ErrorKey, int] = {}
        self._cache: dict[tuple[str | None, int | None, str | None, str], int] = {}

    def number(self, failure: str | None, status: int | None, code: str | None, message: str) -> int:
        """Return the number of the group of such a failure, a new one if it is new."""
        said = failure, status, code, message[:_LONGEST]
        number = self._cache.get(said)
        if number is None:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            number = self._cache[said] = self._new(*said)
        return number

    def is_of(self, number: int, error: str) -> bool:
        """True if a job with this error has failed with a failure of the group, or may have, as its text was
        not kept.
        """
        key = self.keys[number - 1]
        return error == NOT_KEPT or key.name in (_OVERFLOW, _name(key.status, error))

    def _new(self, failure: str | None, status: int | None, code: str | None, message: str) -> int:
        kind = class_of(failure, status, message)
        key = ErrorKey(kind, status, code and shape(code), _name(status, message))
        if key not in self._numbers and len(self._numbers) >= _MOST_KEPT:
            key = ErrorKey(kind, None, None, _OVERFLOW)
        if key not in self._numbers:
            self.keys.append(key)
            self._numbers[key] = len(self.keys)
        return self._numbers[key]


def _name(status: int | None, message: str) -> str:
    return shape(message.removeprefix(f"{status} ") if status else message)


def group_at(key: ErrorKey) -> str:
    """Return the id of the group of this key, as `ErrorGroup.id` has it."""
    return ErrorGroup(key.name, 0, (), kind=key.kind, status=key.status, code=key.code).id
