"""Results in the format of OpenAI's Batch service: one response a line, and a second file for failed jobs.

The shapes are those of https://platform.openai.com/docs/api-reference/batch/request-output; a body has the
shape of a chat completion. Lines are matched to requests by `custom_id`. A request with carried fields
has them in `input` beside these: readers of the service's own files ignore a member that they do not know.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export.draft import Draft, check_place
from llmdash.reports.export.json_lines import encode_json

__all__ = ["check_batch", "errors_path", "write_batch"]

# The finish reasons of every dialect, in the words of chat completions.
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "eof": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

# The service's own codes for a request without an answer; the last is for one that failed.
_EXPIRED, _CANCELLED, _FAILED = "batch_expired", "batch_cancelled", "request_failed"


def errors_path(path: Path) -> Path:
    """Return the file for failed jobs: `answers.batch.errors.jsonl` beside `answers.batch.jsonl`."""
    return path.with_name(f"{path.stem}.errors.jsonl")


def check_batch(path: Path) -> None:
    """Raise ExportError unless the file for failed jobs can be written too."""
    check_place(errors_path(path))


def write_batch(
    records: Iterable[ResultRecord], path: Path, *, clock: Callable[[], float] = time.time
) -> int:
    """Write a line for each answer to `path`, one for each other record to `errors_path(path)`.

    Returns the number of both. Where every record has an answer there is no second file; one of an earlier
    export is removed. `clock` returns Unix time in seconds, for answers whose time is not known. Raises
    ExportError.
    """
    written = failed = 0
    now = int(clock())
    with ExitStack() as stack:
        answers = stack.enter_context(Draft(path))
        errors = stack.enter_context(Draft(errors_path(path)))
        for record in records:
            done = record.state == "done"
            line = _answer(record, now) if done else _error(record)
            (answers if done else errors).write(encode_json(line) + b"\n")
            written += 1
            failed += not done
        # Both are on disk before either is renamed, so that one does not appear without the other.
        errors.finish()
        answers.finish()
        if failed:
            errors.keep()
        else:
            errors.clear_place()
        answers.keep()
    return written


def _answer(record: ResultRecord, now: int) -> dict[str, Any]:
    return _line(record, response=_response(record, 200, _completion(record, now)), error=None)


def _error(record: ResultRecord) -> dict[str, Any]:
    """The line of a job without an answer: the server's error, or why there is none."""
    if record.state == "failed" and record.status is not None and record.status >= 300:
        body = {"error": _refusal(record.status, record.error or f"HTTP {record.status}")}
        return _line(record, response=_response(record, record.status, body), error=None)
    code, message = _FAILED, "the request failed"
    if record.state == "cancelled":
        code, message = _CANCELLED, "the request was cancelled"
    elif record.state != "failed":
        code, message = _EXPIRED, "the run ended before the request was answered"
    return _line(record, response=None, error={"code": code, "message": record.error or message})


def _line(
    record: ResultRecord, *, response: dict[str, Any] | None, error: dict[str, Any] | None
) -> dict[str, Any]:
    line = {
        "id": f"batch_req_{_digest(record)}",
        "custom_id": record.id,
        "response": response,
        "error": error,
    }
    return {**line, "input": record.input} if record.input else line


def _response(record: ResultRecord, status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": record.request_id, "body": body}


def _refusal(status: int, message: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"message": message, "type": kind, "param": None, "code": None}


def _completion(record: ResultRecord, now: int) -> dict[str, Any]:
    reason = record.finish_reason or "stop"
    message = {"role": "assistant", "content": record.text or "", "refusal": None}
    return {
        "id": f"chatcmpl-{_digest(record)}",
        "object": "chat.completion",
        "created": now if record.sent_at is None else int(record.sent_at),
        "model": record.model or "",
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": _FINISH_REASONS.get(reason, reason),
            }
        ],
        "usage": _usage(record),
    }


def _usage(record: ResultRecord) -> dict[str, int] | None:
    """The tokens of an answer; None unless both counts are known, as the format requires both."""
    asked, answered = record.input_tokens, record.output_tokens
    if asked is None or answered is None:
        return None
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _digest(record: ResultRecord) -> str:
    """An id that is the same in every export of a run."""
    named = f"{record.index} {record.id}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(named).hexdigest()[:24]
