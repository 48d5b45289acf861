"""Why a call failed, and what follows from it: one class of exception with a kind, made in one place."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

__all__ = ["Failure", "FailureKind", "from_body", "from_response", "retry_after"]

MESSAGE_LIMIT = 500


class FailureKind(enum.StrEnum):
    """What a failure says about the next attempt.

    | kind | meaning | what follows |
    |---|---|---|
    | LOCAL | this machine cannot send: no sockets, names, network | wait; no attempt used, no key blamed |
    | TRANSIENT | the network or the server faltered | try again, on another key if there is one |
    | THROTTLE | the key calls too often | the key rests; no attempt used |
    | QUOTA | the key has no money left | the key is set aside; the job moves |
    | AUTH | the key is refused | the key is dead after a second refusal; the job moves |
    | REQUEST | the request itself is refused | the job fails |
    | CONFIG | the endpoint is not what the settings say | the job fails, with the mend in the message |
    """

    LOCAL = "local"
    TRANSIENT = "transient"
    THROTTLE = "throttle"
    QUOTA = "quota"
    AUTH = "auth"
    REQUEST = "request"
    CONFIG = "config"


class Failure(Exception):
    """A call that gave no answer.

    `retry_after` is the server's hint in seconds; `request_id` the server's name for the call; `code` its own
    word for the error. `partial` holds what had arrived: good to look at, never an answer.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.request_id = request_id
        self.partial = ""

    def __str__(self) -> str:
        return f"{self.status} {self.message}" if self.status else self.message


_THROTTLE_WORDS = ("rate_limit", "too_many_requests", "throttl", "resource_exhausted")
_QUOTA_WORDS = (
    "insufficient_quota",
    "billing",
    "exceeded your current quota",
    "credit balance is too low",
    "spend limit",
    "spending limit",
    "insufficient credit",
    "insufficient balance",
)
_AUTH_WORDS = (
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "permission_denied",
    "unauthorized",
)
_REQUEST_WORDS = (
    "invalid_request",
    "context_length",
    "content_filter",
    "content_policy",
    "not_found",
    "too_large",
)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The Failure that an answer other than 200 stands for.

    `headers` has lower-case names. The body is read in the shapes that providers send: `{"error": {"message",
    "type", "code"}}`, `{"error": "..."}`, `{"message": "..."}`, `{"detail": ...}`, or no JSON at all.
    """
    document = _document(body)
    words, message, code = _error_words(document)
    html = document is None and body.lstrip()[:1] == b"<"
    kind = _kind_of_status(status, words, html)
    if not message:
        message = "the server sent an HTML page, as a proxy does" if html else _excerpt(body)
    return Failure(
        _as_server_says(kind, headers),
        message or "no reason given",
        status=status,
        code=code,
        retry_after=retry_after(headers),
        request_id=headers.get("x-request-id") or headers.get("request-id"),
    )


def from_body(error: Any, headers: Mapping[str, str]) -> Failure:
    """The Failure that an error inside a 200 stands for: a body or a stream event with an `error`."""
    words, message, code = _error_words({"error": error})
    kind = FailureKind.TRANSIENT
    if code and code.isdigit() and 300 <= int(code) <= 599:
        kind = _kind_of_status(int(code), words, html=False)
    elif _holds(words, _QUOTA_WORDS):
        kind = FailureKind.QUOTA
    elif _holds(words, _THROTTLE_WORDS):
        kind = FailureKind.THROTTLE
    elif _holds(words, _AUTH_WORDS):
        kind = FailureKind.AUTH
    elif _holds(words, _REQUEST_WORDS):
        kind = FailureKind.REQUEST
    return Failure(
        kind,
        message or "the answer holds an error without a reason",
        status=200,
        code=code,
        retry_after=retry_after(headers),
        request_id=headers.get("x-request-id") or headers.get("request-id"),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The server's hint in seconds: `retry-after-ms`, else `retry-after`, else the largest reset header.

    A date is counted from the answer's own `Date`, so that a wrong clock here does not matter. Hints that are
    not finite and positive are no hints.
    """
    milliseconds = _positive(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if given:
        seconds = _positive(given)
        return seconds if seconds is not None else _seconds_until(given, headers.get("date"))
    resets = [_reset_seconds(name, value, headers.get("date")) for name, value in headers.items()]
    known = [seconds for seconds in resets if seconds is not None]
    return max(known) if known else None


def _kind_of_status(status: int, words: str, html: bool) -> FailureKind:
    if status == 402 or (status in (400, 403, 429) and _holds(words, _QUOTA_WORDS)):
        return FailureKind.QUOTA
    if status == 429:
        return FailureKind.THROTTLE
    if status in (401, 403):
        return FailureKind.TRANSIENT if html else FailureKind.AUTH
    if status in (408, 409, 425) or status >= 500:
        return FailureKind.TRANSIENT
    if 300 <= status < 400:
        return FailureKind.CONFIG
    return FailureKind.REQUEST


def _as_server_says(kind: FailureKind, headers: Mapping[str, str]) -> FailureKind:
    """`x-should-retry` decides between trying again and not, except over a key's own trouble."""
    if kind in (FailureKind.AUTH, FailureKind.QUOTA):
        return kind
    says = headers.get("x-should-retry", "").strip().lower()
    if says == "true" and kind is FailureKind.REQUEST:
        return FailureKind.TRANSIENT
    if says == "false" and kind is FailureKind.TRANSIENT:
        return FailureKind.REQUEST
    return kind


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _error_words(document: Any) -> tuple[str, str, str | None]:
    """(everything that tells the kind, in lower case; the message; the code) of an error document."""
    if not isinstance(document, dict):
        return "", "", None
    error = document.get("error", document)
    if isinstance(error, str):
        return error.lower(), _short(error), None
    if not isinstance(error, dict):
        return "", "", None
    message = error.get("message") or error.get("detail") or error.get("error") or ""
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()
    code = error.get("code")
    kind = error.get("type")
    words = " ".join(str(part) for part in (message, code, kind, error.get("status")) if part).lower()
    return words, _short(message), str(code if code is not None else kind) if (code or kind) else None


def _holds(words: str, parts: tuple[str, ...]) -> bool:
    return any(part in words for part in parts)


def _excerpt(body: bytes) -> str:
    return _short(body[: MESSAGE_LIMIT * 4].decode("utf-8", "replace").strip())


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def _positive(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _seconds_until(when: str, date: str | None) -> float | None:
    """Seconds from the answer's `Date` (else from now) to an HTTP date or an RFC 3339 time."""
    moment = _moment(when)
    if moment is None:
        return None
    start = _moment(date or "") or datetime.now(UTC)
    seconds = (moment - start).total_seconds()
    return seconds if seconds > 0 else None


def _moment(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _reset_seconds(name: str, value: str, date: str | None) -> float | None:
    if "ratelimit" not in name or "reset" not in name:
        return None
    return duration_seconds(value) or _seconds_until(value, date)


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration such as `12ms`, `1s`, `6m0s` or `1h2m3.5s` (the form of
    `x-ratelimit-reset-*`).
    """
    units = {"ms": 0.001, "h": 3600.0, "m": 60.0, "s": 1.0}
    total, rest = 0.0, text.strip()
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number = _positive(rest[:digits]) if rest[:digits].strip("0.") else 0.0
        unit = next((unit for unit in units if rest[digits:].startswith(unit)), None)
        if not digits or number is None or unit is None:
            return None
        total += number * units[unit]
        rest = rest[digits + len(unit) :]
    return total or None
