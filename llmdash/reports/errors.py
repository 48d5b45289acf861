"""What failed in a run that has ended: how many jobs and tries of each kind, why, and an example in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import ErrorGroup
from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line

__all__ = ["ErrorKind", "KeptRun", "error_kinds", "error_lines", "error_record", "failed_by_kind"]

_MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """Tries that failed alike, and how many jobs failed so for good: 0 where a later try made them good.

    `kind` is the class of the failure, such as `request` or `stalled`; `status` and `code` are the server's,
    None where it sent none. `example` is the error of one of them, `id` the id of its job.
    """

    jobs: int
    example: str
    id: str = ""
    kind: str | None = None
    status: int | None = None
    code: str | None = None
    tries: int = 0


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
    job_id, error = _example(group, folder)
    return ErrorKind(
        group.jobs,
        error or group.words,
        job_id,
        group.kind.value,
        group.status,
        group.code,
        group.tries,
    )


def _example(group: ErrorGroup, folder: Path) -> tuple[str, str]:
    """Return the id of a job of the group and its error; empty where there is no record of them."""
    if not group.examples:
        return "", ""
    try:
        result = JournalReader(folder).result(group.examples[0])
    except JournalError:
        return "", ""
    return ("", "") if result is None else (result.id, result.error or "")


def error_record(error: ErrorKind) -> dict[str, Any]:
    """Return a kind of error for scripts."""
    return {
        "class": error.kind,
        "status": error.status,
        "code": None if error.code is None else clean_line(error.code),
        "count": error.jobs,
        "tries": error.tries,
        "example": clean_line(error.example),
        "id": clean_line(error.id),
    }


def failed_by_kind(errors: Sequence[ErrorKind]) -> dict[str, int]:
    """Return how many jobs failed by the class of their failure, `other` where it is not known; the most
    first.
    """
    kinds: Counter[str] = Counter()
    for error in errors:
        kinds[clean_line(error.kind or "other")] += error.jobs
    return {kind: jobs for kind, jobs in kinds.most_common() if jobs}


def error_lines(errors: Sequence[ErrorKind]) -> Iterator[str]:
    """Yield a line for each kind of error, the most frequent first, that is safe to show."""
    for place, error in enumerate(errors[:_MOST_LINES]):
        why = " ".join(part for part in (error.kind, error.code) if part)
        example = f"{why}: {error.example}" if why else error.example
        title = "errors" if not place else ""
        tries = counted(error.tries, "try", "tries")
        if not error.jobs:
            yield f"{title:<8} {tries}, no job failed: {clean_line(example)}"
            continue
        more = f" ({tries})" if error.tries > error.jobs else ""
        yield f"{title:<8} {counted(error.jobs, 'job')}: {clean_line(example)}{more}"
    if (left := len(errors) - _MOST_LINES) > 0:
        yield f"{'':<8} and {counted(left, 'more kind', 'more kinds')} of error"
