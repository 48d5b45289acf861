"""Anthropic's message batches on the wire: requests, statuses, results.

https://docs.anthropic.com/en/api/creating-message-batches. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmdash.llms.batch_services.answers import AnswerReading, decoded, document, unreadable
from llmdash.llms.batch_services.fields import count_of, first_time, identifier, mapping, time_of, word_of
from llmdash.llms.batches import BatchAnswer, BatchEnd, BatchStatus
from llmdash.llms.wire.failures import Failure, FailureKind, from_body, from_response

__all__ = ["answer_of", "status_of"]

_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_ENDED_AT = ("ended_at", "archived_at")
_UNRUN = {
    "expired": "the batch expired before this request was carried out",
    "canceled": "the batch was cancelled before this request was carried out",
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that a call has whose error is of this type: a line of results names the type alone."""

Redact = Callable[[str], str]


def status_of(found: Any, redact: Redact) -> BatchStatus | None:
    """Return what a document says of a batch; None if it names none."""
    batch = mapping(found)
    batch_id = identifier(batch.get("id"))
    if batch_id is None:
        return None
    word = word_of(batch.get("processing_status"))
    counts = {name: count_of(mapping(batch.get("request_counts")).get(name)) for name in _COUNTS}
    known = [count for count in counts.values() if count is not None]
    has_ended = word == "ended"
    results = batch.get("results_url")
    return BatchStatus(
        batch_id,
        redact(word),
        _end_of(batch, counts) if has_ended else BatchEnd.NOT_YET,
        word in ("canceling", "cancelling"),
        sum(known) or None,
        counts["succeeded"] if has_ended else None,
        counts["errored"] if has_ended else None,
        time_of(batch.get("created_at")),
        time_of(batch.get("expires_at")),
        first_time(batch.get(name) for name in _ENDED_AT) if has_ended else None,
        results=(results,) if has_ended and isinstance(results, str) and results else (),
    )


def _end_of(batch: Mapping[str, Any], counts: Mapping[str, int | None]) -> BatchEnd:
    """All ends have one word; the counts tell them apart."""
    if counts["expired"]:
        return BatchEnd.EXPIRED
    if counts["canceled"] or (counts["canceled"] is None and batch.get("cancel_initiated_at")):
        return BatchEnd.CANCELLED
    return BatchEnd.COMPLETED


def answer_of(line: bytes, reading: AnswerReading) -> BatchAnswer:
    """Return what a line of results says."""
    found = decoded(line)
    custom_id = None if found is None else found.get("custom_id")
    if found is None or not isinstance(custom_id, str):
        return unreadable()
    result = mapping(found.get("result"))
    kind = word_of(result.get("type"))
    if kind == "succeeded":
        return reading.answer(custom_id, document(result.get("message")), {})
    if kind in _UNRUN:
        failure = Failure(FailureKind.TRANSIENT, _UNRUN[kind], code=kind)
        return BatchAnswer(custom_id, failure=failure, ran=False)
    if kind == "errored":
        return BatchAnswer(custom_id, failure=_error_of(result.get("error"), reading.redact))
    return unreadable(custom_id)


def _error_of(error: Any, redact: Redact) -> Failure:
    """The failure of one request: `{"type": "error", "error": {"type", "message"}}`, or its inner part."""
    outer = mapping(error)
    inner = mapping(outer.get("error")) or outer
    request_id = outer.get("request_id")
    headers = {"request-id": request_id} if isinstance(request_id, str) and request_id else {}
    status = _STATUSES.get(word_of(inner.get("type")))
    if status is None:
        return from_body(error or "the request failed", headers, redact=redact)
    return from_response(status, headers, document({"error": inner}), redact=redact)
