"""What a verdict is called: that depends on the check that an answer did not pass."""

from __future__ import annotations

from typing import Final

from llmdash.engine.model.states import Verdict

__all__ = ["verdict_name"]

_NOT_EQUAL: Final = {"contains": "does not contain it", "pattern": "no match"}
_NOT_PARSEABLE: Final = {"number": "no number", "pattern": "pattern failed", "": "no JSON", "json": "no JSON"}


def verdict_name(verdict: Verdict, check: str) -> str:
    """Return the name of a verdict by `check`, empty for the usual one.

    >>> verdict_name(Verdict.NOT_PARSEABLE, "number"), verdict_name(Verdict.NOT_PARSEABLE, "mixed")
    ('no number', 'not parseable')
    """
    if verdict is Verdict.NOT_EQUAL:
        return _NOT_EQUAL.get(check, "not equal")
    if verdict is Verdict.NOT_PARSEABLE:
        return _NOT_PARSEABLE.get(check, "not parseable")
    return "right" if verdict is Verdict.RIGHT else ""
