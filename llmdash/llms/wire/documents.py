"""Documents that a body may hold, read without a format: errors, objects one a line, and what is neither."""

from __future__ import annotations

import json
from typing import Any

from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.sse import stands_alone

__all__ = ["BLANK", "MARK", "as_json", "is_lines", "is_text", "malformed", "page_from_a_proxy", "truncated"]

MARK = b"\xef\xbb\xbf"
BLANK = b" \t\r\n" + MARK
"""What may come before an answer: white space, a byte order mark."""


def truncated() -> Failure:
    """Return the Failure for an answer that just ends."""
    words = "truncated: the stream ended without a finish reason"
    return Failure(FailureKind.TRANSIENT, words, status=200)


def is_lines(document: bytearray) -> bool:
    """Return whether what began like a document is a stream without `data:`, one object a line."""
    first, _, rest = bytes(document).strip(BLANK).partition(b"\n")
    return bool(rest) and stands_alone(first)


def as_json(data: bytes) -> Any:
    """Return the JSON document, None if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def malformed(why: str) -> Failure:
    """Return the Failure for an answer that breaks its format."""
    return Failure(FailureKind.TRANSIENT, f"malformed answer: {why}", status=200)


def page_from_a_proxy(data: bytes | bytearray, status: int) -> Failure | None:
    """Return the Failure for what begins like a page of HTML where data was asked for; else None."""
    if not data.lstrip(BLANK).startswith(b"<"):
        return None
    words = "the server sent an HTML page, as a proxy does"
    return Failure(FailureKind.TRANSIENT, words, status=status)


def is_text(data: bytes) -> bool:
    """Return whether `data` is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
