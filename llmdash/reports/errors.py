"""The failed jobs of a run that has ended: how many of each kind, why, and an example in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import ErrorGroup
from llmdash.engine.model.records import AttemptRecord
from llmdash.reports.wording import count
from llmdash.sanitize import clean_line

__all__ = ["ErrorKind", "KeptRun", "error_kinds", "error_lines", "error_record", "failed_by_kind"]

_MOST_LINES = 10
_NO_ATTEMPT = AttemptRecord(0, 0, "", "unsent", 0.0)


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """Failed jobs that failed alike.

    `kind` is the class of the failure, such as `request` or `transient`, or `invalid` for answers that break
    their schema; `status` and `code` are the server's. They are None where the jobs failed without an
    attempt. `example` is the error of one of them, `id` its id.
    """

    count: int
    example: str
    id: str = ""
    kind: str | None = None
    status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class KeptRun:
    """Where a run that has ended is kept, why its jobs failed, and the file its results are in, if any."""

    folder: Path
    errors: tuple[ErrorKind, ...] = field(default=())
    out: Path | None = None


def error_kinds(groups: Sequence[ErrorGroup], folder: Path) -> tuple[ErrorKind, ...]:
    """Return the kinds of error of the run in `folder`, in the order of `groups`.

    What the journal says of their examples is left out where it cannot be read.
    """
    return tuple(_kind(group, folder) for group in groups)


def _kind(group: ErrorGroup, folder: Path) -> ErrorKind:
    try:
        reader = JournalReader(folder)
        result, attempts = reader.result(group.example), reader.attempts(group.example)
    except JournalError:
        return ErrorKind(group.count, group.name)
    if result is None:
        return ErrorKind(group.count, group.name)
    last = attempts[-1] if attempts else _NO_ATTEMPT
    kind = result.state if result.state == "invalid" else last.failure
    return ErrorKind(group.count, result.error or group.name, result.id, kind, last.status, last.code)


def error_record(error: ErrorKind) -> dict[str, Any]:
    """Return a kind of error for scripts."""
    return {
        "class": error.kind,
        "status": error.status,
        "code": None if error.code is None else clean_line(error.code),
        "count": error.count,
        "example": clean_line(error.example),
        "id": clean_line(error.id),
    }


def failed_by_kind(errors: Sequence[ErrorKind]) -> dict[str, int]:
    """Return how many jobs failed by the class of their failure, `other` where it is not known; the most
    first.
    """
    kinds: Counter[str] = Counter()
    for error in errors:
        kinds[clean_line(error.kind or "other")] += error.count
    return dict(kinds.most_common())


def error_lines(errors: Sequence[ErrorKind]) -> Iterator[str]:
    """Yield a line for each kind of error, the most frequent first, that is safe to show."""
    for place, error in enumerate(errors[:_MOST_LINES]):
        why = " ".join(part for part in (error.kind, error.code) if part)
        example = f"{why}: {error.example}" if why else error.example
        title = "errors" if not place else ""
        yield f"{title:<8} {count(error.count)} x {clean_line(example)}"
    if (more := len(errors) - _MOST_LINES) > 0:
        yield f"{'':<8} and {count(more)} more kinds of error"
