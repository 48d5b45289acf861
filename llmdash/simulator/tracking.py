"""PromptLayer's side: takes reports of calls that were made elsewhere (`POST /track-request`)."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

__all__ = ["MAX_REPORT", "BadReportError", "Tracker"]

MAX_REPORT = 4 * 1024 * 1024
"""The maximum size of a report in bytes."""

_MOST_REPORTS = 100
_MOST_BYTES = 4 * MAX_REPORT
_SECRET = "api_key"  # noqa: S105 - the name of a field


class _Report(msgspec.Struct):
    """The fields of a report; times are in Unix seconds. Other fields are kept and not checked."""

    function_name: str
    provider_type: str
    args: list[Any]
    kwargs: dict[str, Any]
    request_response: dict[str, Any]
    request_start_time: float
    request_end_time: float
    api_key: str
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


class BadReportError(Exception):
    """A report that is refused, with its HTTP `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Tracker:
    """Numbers reports and keeps the last 100 of them (at most 16 MiB), without the keys in them."""

    def __init__(self) -> None:
        self.refusing = False
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._requests = 0
        self._taken = 0

    @property
    def counts(self) -> dict[str, int]:
        """`requests` counts all reports received, `refused` those that were refused."""
        return {"requests": self._requests, "refused": self._requests - self._taken}

    @property
    def reports(self) -> list[msgspec.Raw]:
        """Return the bodies kept, oldest first, each with its `request_id`."""
        return [msgspec.Raw(body) for body in self._kept]

    def take(self, body: bytes) -> int:
        """Store a report. Returns its request id, from 1. Raises BadReportError if it is invalid."""
        self._requests += 1
        if self.refusing:
            raise BadReportError(500, "The report could not be stored.")
        if len(body) > MAX_REPORT:
            raise BadReportError(413, f"The report is larger than {MAX_REPORT} bytes.")
        content = _read(body)
        self._taken += 1
        self._keep(msgspec.json.encode({**_without_keys(content), "request_id": self._taken}))
        return self._taken

    def _keep(self, report: bytes) -> None:
        self._kept.append(report)
        self._size += len(report)
        while len(self._kept) > _MOST_REPORTS or self._size > _MOST_BYTES:
            self._size -= len(self._kept.popleft())


def _read(body: bytes) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        report = msgspec.convert(content, _Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadReportError(400, f"Invalid report: {error}.") from None
    if not report.api_key:
        raise BadReportError(401, "Invalid report: api_key is empty.")
    if report.request_end_time < report.request_start_time:
        raise BadReportError(400, "Invalid report: request_end_time is before request_start_time.")
    return content


def _without_keys(content: dict[str, Any]) -> dict[str, Any]:
    """`content` itself, with every `api_key` taken out at whatever depth."""
    waiting: list[Any] = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            each.pop(_SECRET, None)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return content
