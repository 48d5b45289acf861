"""A Failure as plain values, so that it can be sent elsewhere and judged there as well."""

from __future__ import annotations

import msgspec

from llmdash.llms.messages import Hints
from llmdash.llms.wire.error_document import Said
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["FailureRecord", "failure_of", "record_of"]

_FIELDS = (
    "message",
    "status",
    "code",
    "retry_after",
    "request_id",
    "hints",
    "headers",
    "reached",
    "by_words",
    "names_request",
    "of_content",
    "is_guess",
    "slow_down",
    "may_be_billed",
    "timed_out",
    "partial",
)


class FailureRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a Failure says, with what the server said of it where it was the server."""

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    request_id: str | None = None
    hints: Hints | None = None
    headers: str = ""
    reached: bool = True
    by_words: bool = False
    names_request: bool = False
    of_content: bool = False
    is_guess: bool = False
    slow_down: bool = False
    may_be_billed: bool = False
    timed_out: bool = False
    partial: str = ""
    said: Said | None = None


def record_of(failure: Failure) -> FailureRecord:
    """Return `failure` as plain values."""
    fields = {name: getattr(failure, name) for name in _FIELDS}
    return FailureRecord(kind=failure.kind, said=failure.said, **fields)


def failure_of(record: FailureRecord) -> Failure:
    """Return the Failure of a record."""
    fields = {name: getattr(record, name) for name in _FIELDS if name not in ("message", "partial")}
    failure = Failure(record.kind, record.message, **fields)
    failure.partial = record.partial
    if record.said is not None:
        failure.heard(record.said)
    return failure
