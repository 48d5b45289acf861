"""The headers of a response that are on record for an attempt."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmdash.engine.model.records import AttemptRecord

__all__ = ["AnswerHeaders", "answer_headers", "request_id_of"]

_IDS: Final = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id")
_FIRST: Final = ("remaining", "retry-after", "processing-ms", "service-time", "request-id")
"""What is in the names of those that matter most; limits and resets stand elsewhere."""


class AnswerHeaders(NamedTuple):
    """The status of a response, and the headers that are kept, by name."""

    status: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @property
    def first(self) -> tuple[tuple[str, str], ...]:
        """Those that matter most."""
        return tuple(pair for part in _FIRST for pair in self.values if part in pair[0])


def answer_headers(attempt: AttemptRecord) -> AnswerHeaders:
    """Return the headers of an attempt; none where its response had none that are kept, or there was none."""
    if not attempt.headers:
        return AnswerHeaders()
    status, *lines = attempt.headers.split("\n")
    pairs = (line.partition(": ") for line in lines)
    return AnswerHeaders(status, tuple((name, value) for name, _colon, value in pairs))


def request_id_of(attempt: AttemptRecord) -> str:
    """Return the server's id of the request, empty where it is not known."""
    if attempt.request_id:
        return attempt.request_id
    values = dict(answer_headers(attempt).values)
    return next((values[name] for name in _IDS if values.get(name)), "")
