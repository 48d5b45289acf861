"""Formats the outcome of a check: a table for people, one object a line for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmdash.config.values import ordinal
from llmdash.launch.key_check import KeyCheck, fix
from llmdash.llms.dialects import LANGCHAIN
from llmdash.llms.wire.failures import FailureKind
from llmdash.reports.wording import UNKNOWN, count, seconds
from llmdash.sanitize import clean_line
from llmdash.secrets import labels

__all__ = ["as_record", "as_table"]

_HEAD = ("endpoint", "key", "works", "latency", "requests left", "tokens left", "model")
_NUMBERS = (3, 4, 5)
_WORKS_NOT: Final = {
    FailureKind.LOCAL: "no network",
    FailureKind.TRANSIENT: "no answer",
    FailureKind.THROTTLE: "rate limited",
    FailureKind.QUOTA: "no credit",
    FailureKind.AUTH: "key refused",
    FailureKind.REQUEST: "call refused",
    FailureKind.CONFIG: "not set up",
}
"""What is shown of a key that does not work; the line below the table says it in full."""
_LIMITS = (
    "limit_requests",
    "remaining_requests",
    "reset_requests_s",
    "limit_tokens",
    "remaining_tokens",
    "reset_tokens_s",
)


def as_record(check: KeyCheck) -> dict[str, Any]:
    """Return a check for scripts. `failure` is a FailureKind value; times in seconds; None if unknown.

    `position` is that of the key in the list of its endpoint, from 1.
    """
    failure = check.failure
    return {
        "type": "key",
        "endpoint": clean_line(check.endpoint.name),
        "dialect": check.endpoint.dialect,
        "model": clean_line(check.endpoint.model),
        "key": clean_line(check.label) or None,
        "position": _position(check),
        "works": check.works,
        "latency_s": None if check.latency_s is None else round(check.latency_s, 6),
        "failure": None if failure is None else failure.kind.value,
        "status": None if failure is None else failure.status,
        "message": None if failure is None else clean_line(failure.message),
        "fix": None if failure is None else clean_line(fix(check.endpoint, failure)),
        "limits": None if check.hints is None else {name: getattr(check.hints, name) for name in _LIMITS},
    }


def as_table(checks: Sequence[KeyCheck]) -> str:
    """Return the checks as sanitized plain text, then the fix for each key that does not work."""
    rows = [_HEAD, *(_row(check) for check in checks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [_aligned(row, widths) for row in rows]
    lines += [line for check in checks for line in _trouble(check)]
    working = sum(check.works for check in checks)
    what = "key works" if len(checks) == 1 else "keys work"
    end = (
        f"{count(working)} of {count(len(checks))} {what}."
        if any(map(_has_key, checks))
        else "There is no key."
    )
    return "\n".join([*lines, "", end])


def _has_key(check: KeyCheck) -> bool:
    """True for a key, and for an endpoint that answers, or would, without one."""
    return bool(check.label) or check.works or check.endpoint.dialect == LANGCHAIN


def _row(check: KeyCheck) -> tuple[str, ...]:
    hints = check.hints
    return (
        clean_line(check.endpoint.name),
        _key(check) or UNKNOWN,
        "yes" if check.failure is None else _WORKS_NOT[check.failure.kind],
        seconds(check.latency_s),
        UNKNOWN if hints is None else _left(hints.remaining_requests, hints.limit_requests),
        UNKNOWN if hints is None else _left(hints.remaining_tokens, hints.limit_tokens),
        clean_line(check.endpoint.model) or UNKNOWN,
    )


def _key(check: KeyCheck) -> str:
    """The label of a key; of one that is too short to show, its place and a hash: `2nd, hash 9f3b`."""
    position = _position(check)
    is_hash = position is not None and check.endpoint.keys[position - 1].is_short
    return f"{ordinal(position)}, hash {check.label}" if position and is_hash else clean_line(check.label)


def _position(check: KeyCheck) -> int | None:
    """Where a key is in the list of its endpoint, from 1; None where it is in none."""
    known = labels(check.endpoint.keys)
    return known.index(check.label) + 1 if check.label in known else None


def _left(remaining: int | None, limit: int | None) -> str:
    """Return what remains of a limit as the server reported it: `499 of 500`."""
    if remaining is None and limit is None:
        return UNKNOWN
    left = "?" if remaining is None else count(remaining)
    return left if limit is None else f"{left} of {count(limit)}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _trouble(check: KeyCheck) -> list[str]:
    if check.failure is None:
        return []
    who = " ".join(part for part in (check.endpoint.name, _key(check)) if part)
    return [
        "",
        clean_line(f"{who}: {check.failure}"),
        clean_line(f"  fix: {fix(check.endpoint, check.failure)}"),
    ]
