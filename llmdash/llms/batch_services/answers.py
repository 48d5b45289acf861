"""The answer that is in a line of results, read as the answer to a call is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from llmdash.llms.batches import BatchAnswer
from llmdash.llms.messages import Delta
from llmdash.llms.wire.answer_mask import AnswerMask, LongKeys
from llmdash.llms.wire.dialect import Reader
from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from llmdash.llms.wire.kept_headers import kept_headers

__all__ = ["LINE_LIMIT", "AnswerReading", "decoded", "document", "unreadable"]

LINE_LIMIT = 8_000_000
"""Bytes of a line of results at most; what is longer is no answer."""

Redact = Callable[[str], str]


class AnswerReading(NamedTuple):
    """How answers are read: by the dialect's `reader`, with keys masked."""

    reader: Callable[[Mapping[str, str], Redact], Reader]
    redact: Redact
    keys: LongKeys

    def answer(self, custom_id: str, body: bytes, headers: Mapping[str, str]) -> BatchAnswer:
        """Return the answer in the `body` of a 200, or why it is none."""
        deltas: list[Delta] = []
        at = monotonic()
        kept = kept_headers(200, headers, self.redact)
        if kept:
            deltas.append(Delta(headers=kept, at=at))
        reader, mask = self.reader(headers, self.redact), AnswerMask(self.keys)
        try:
            deltas.extend(map(mask.mask, reader.feed(body, at)))
            deltas.extend(map(mask.mask, reader.close(at)))
        except Failure as failure:
            return BatchAnswer(custom_id, deltas, failure)
        if (rest := mask.rest(at)) is not None:
            deltas.append(rest)
        return BatchAnswer(custom_id, deltas)

    def refusal(self, custom_id: str, status: int, body: bytes, headers: Mapping[str, str]) -> BatchAnswer:
        """Return the answer that is an HTTP failure."""
        failure = from_response(status, headers, body, redact=self.redact)
        return BatchAnswer(custom_id, failure=failure)


def decoded(line: bytes) -> Mapping[str, Any] | None:
    """Return the object that a line holds; None for a line that holds none, or is longer than LINE_LIMIT."""
    if len(line) > LINE_LIMIT:
        return None
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            found = json.loads(line)  # it takes half a surrogate pair
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def document(value: Any) -> bytes:
    """Return a part of a line as the document that it was, as bytes; empty where there is none."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    try:
        return msgspec.json.encode(value)
    except RecursionError:
        return b""
    except ValueError:
        return json.dumps(value).encode()  # it writes half a surrogate pair


def unreadable(custom_id: str | None = None) -> BatchAnswer:
    """Return the answer for a line that cannot be read, or says nothing of the request it is for."""
    words = "the line of results cannot be read" if custom_id is None else "the line of results says nothing"
    return BatchAnswer(custom_id, failure=Failure(FailureKind.TRANSIENT, words))
