"""OpenAI's batches on the wire: what is written into a file of requests, and what statuses and results say.

https://platform.openai.com/docs/api-reference/batch; Groq, Azure and others speak alike. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmdash.llms.batch_services.answers import AnswerReading, decoded, document, unreadable
from llmdash.llms.batch_services.fields import (
    count_of,
    first_time,
    identifier,
    mapping,
    mappings,
    time_of,
    word_of,
)
from llmdash.llms.batches import BatchAnswer, BatchEnd, BatchStatus, FileStatus
from llmdash.llms.wire.failures import Failure, from_body, from_response

__all__ = ["NAME", "Statuses", "answer_of", "file_of", "status_of"]

NAME = "llmdash"
"""The entry of a batch's metadata that holds its name."""

_ENDS = {
    "completed": BatchEnd.COMPLETED,
    "expired": BatchEnd.EXPIRED,
    "cancelled": BatchEnd.CANCELLED,
    "canceled": BatchEnd.CANCELLED,
    "failed": BatchEnd.INVALID,
}
_CANCELLING = ("cancelling", "canceling")
_ENDED_AT = ("completed_at", "failed_at", "expired_at", "cancelled_at")
_RESULTS = ("output_file_id", "error_file_id")
_NEVER_RAN = ("batch_expired", "batch_cancelled", "batch_canceled")
_QUEUE_FULL = ("token_limit_exceeded", "request_limit_exceeded")
_NAME_LIMIT = 200

Redact = Callable[[str], str]
Statuses = Mapping[Any, int]
"""The HTTP status that goes with a service's own error codes, where these say more than it does."""

_NO_STATUSES: Statuses = {}


def status_of(found: Any, redact: Redact, statuses: Statuses = _NO_STATUSES) -> BatchStatus | None:
    """Return what a document says of a batch; None if it names none."""
    batch = mapping(found)
    batch_id = identifier(batch.get("id"))
    if batch_id is None:
        return None
    word = word_of(batch.get("status"))
    end = _ENDS.get(word, BatchEnd.NOT_YET)
    counts = mapping(batch.get("request_counts"))
    given = (identifier(batch.get(name)) for name in _RESULTS)
    name = mapping(batch.get("metadata")).get(NAME)
    return BatchStatus(
        batch_id,
        redact(word),
        end,
        word in _CANCELLING,
        count_of(counts.get("total")) or None,  # 0 until the file is validated
        count_of(counts.get("completed")),
        count_of(counts.get("failed")),
        time_of(batch.get("created_at")),
        time_of(batch.get("expires_at")),
        first_time(batch.get(name) for name in _ENDED_AT),
        identifier(batch.get("input_file_id")),
        redact(name[:_NAME_LIMIT]) if isinstance(name, str) else None,
        tuple(dict.fromkeys(one for one in given if one)) if end is not BatchEnd.NOT_YET else (),
        _problem(batch.get("errors"), redact, statuses) if end is BatchEnd.INVALID else None,
    )


def _problem(errors: Any, redact: Redact, statuses: Statuses) -> Failure:
    """Why a whole batch was refused: the first error, as an HTTP failure that says the same."""
    listed = mapping(errors).get("data", errors)
    error = next(mappings(listed), None)
    if error is None:
        error = {"message": "the service refused the batch and did not say why"}
    status = 429 if word_of(error.get("code")) in _QUEUE_FULL else _status_for(error, statuses) or 400
    return from_response(status, {}, document({"error": error}), redact=redact)


def file_of(found: Any) -> FileStatus | None:
    """Return what a document says of a file; None if it names none."""
    file = mapping(found)
    file_id, name = identifier(file.get("id")), file.get("filename")
    if file_id is None:
        return None
    size, created_at = count_of(file.get("bytes")), time_of(file.get("created_at"))
    return FileStatus(file_id, name if isinstance(name, str) else "", size or 0, created_at)


def answer_of(line: bytes, reading: AnswerReading, statuses: Statuses = _NO_STATUSES) -> BatchAnswer:
    """Return what a line of an output or error file says."""
    found = decoded(line)
    custom_id = None if found is None else found.get("custom_id")
    if found is None or not isinstance(custom_id, str):
        return unreadable()
    response = found.get("response")
    if isinstance(response, dict):
        return _answered(custom_id, response, reading)
    error = found.get("error")
    if not error:
        return unreadable(custom_id)
    status = _status_for(error, statuses)
    if status is not None:
        return reading.refusal(custom_id, status, document({"error": error}), {})
    failure = from_body(error, {}, redact=reading.redact)
    return BatchAnswer(custom_id, failure=failure, ran=not _is_unrun(error))


def _answered(custom_id: str, response: Mapping[str, Any], reading: AnswerReading) -> BatchAnswer:
    request_id = response.get("request_id")
    headers = {"x-request-id": request_id} if isinstance(request_id, str) and request_id else {}
    status, body = _status_code(response.get("status_code")), document(response.get("body"))
    if 200 <= status < 300:
        return reading.answer(custom_id, body, headers)
    return reading.refusal(custom_id, status, body, headers)


def _status_code(value: Any) -> int:
    """The HTTP status; 200 where a service does not say, since the body tells an error too."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:4])
    found = count_of(value)
    return found if found is not None and 100 <= found < 600 else 200


def _status_for(error: Any, statuses: Statuses) -> int | None:
    code = mapping(error).get("code")
    return statuses.get(code) if isinstance(code, int | str) else None


def _is_unrun(error: Any) -> bool:
    return word_of(mapping(error).get("code")) in _NEVER_RAN
