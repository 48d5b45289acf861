"""Why a call failed, and what follows: one exception class with a kind, made in one place."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llmdash.llms.messages import Hints
from llmdash.llms.wire.rate_limit_headers import asked_for, parse_limits, retry_after

__all__ = ["Failure", "FailureKind", "from_body", "from_response", "retry_after"]

MESSAGE_LIMIT = 500
Redact = Callable[[str], str]


class FailureKind(enum.StrEnum):
    """What a failure says about the next attempt.

    | kind | meaning | what follows |
    |---|---|---|
    | LOCAL | this machine cannot send: no sockets, names, network | wait; no attempt used, no key blamed |
    | TRANSIENT | a fault of the network or the server | try again, on another key if there is one |
    | THROTTLE | rate limited (429) | the key rests; no attempt used |
    | QUOTA | the key has no money left | the key is set aside; the job moves |
    | AUTH | the key is refused | the key is dead after a second refusal; the job moves |
    | REQUEST | the request itself is refused | the job fails |
    | CONFIG | the endpoint is not what the settings say | it is paused, the message names the fix |

    >>> FailureKind("throttle") is FailureKind.THROTTLE
    True
    """

    LOCAL = "local"
    TRANSIENT = "transient"
    THROTTLE = "throttle"
    QUOTA = "quota"
    AUTH = "auth"
    REQUEST = "request"
    CONFIG = "config"


class Failure(Exception):
    """A call without an answer.

    `retry_after` is the server's hint in seconds; `request_id` the server's id of the call; `code` its own
    error code; `hints` its rate limit headers. `reached` is False where the request never
    got to the endpoint: no connection, no TLS. `partial` holds what had arrived, to look at: it is never an
    answer.

    | what the engine asks of it | meaning |
    |---|---|
    | `by_words` | only the server's words told the kind, no status, code or type |
    | `names_request` | code, type or status say that the request is at fault, whatever the key |
    | `of_content` | this prompt's own: a content filter, or longer than the context |
    | `is_guess` | `retry_after` is no request of the server, only when a limit is full again |
    | `slow_down` | the server limits how fast the rate may grow |
    | `may_be_billed` | nothing came in time, but the server may have worked on it |
    | `timed_out` | a limit of time passed |

    >>> str(Failure(FailureKind.THROTTLE, "slow down", status=429, retry_after=2.0))
    '429 slow down'
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
        hints: Hints | None = None,
        reached: bool = True,
        by_words: bool = False,
        names_request: bool = False,
        of_content: bool = False,
        is_guess: bool = False,
        slow_down: bool = False,
        may_be_billed: bool = False,
        timed_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.request_id = request_id
        self.hints = hints
        self.reached = reached
        self.by_words = by_words
        self.names_request = names_request
        self.of_content = of_content
        self.is_guess = is_guess
        self.slow_down = slow_down
        self.may_be_billed = may_be_billed
        self.timed_out = timed_out
        self.partial = ""

    def reword(self, message: str) -> None:
        """Replace the message, also in `args`."""
        self.message = message
        self.args = (message,)

    def __str__(self) -> str:
        return f"{self.status} {self.message}" if self.status else self.message


_QUOTA_CODES = (
    "insufficient_quota",
    "billing_",  # _error, _not_active, _hard_limit_reached
    "exceeded_current_quota",
    "insufficient_balance",
    "insufficient_credit",
    "budget_exceeded",
)
_QUOTA_PHRASES = (
    "exceeded your current quota",
    "credit balance is too low",
    "insufficient balance",
    "insufficient credit",
    "insufficient_quota",
    "available credits",
    "spend limit",
    "spending limit",
    "billing hard limit",
    "check your billing details",
)
_THROTTLE_WORDS = ("rate_limit", "rate limit", "too_many_requests", "too many requests", "throttl")
_AUTH_CODES = (
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "permission_denied",
    "unauthenticated",
    "unauthorized",
)
_CONTENT_CODES = ("context_length", "content_filter", "content_policy", "moderation")
_CONTENT_PHRASES = ("requires moderation", "flagged by moderation", "your input was flagged")
_REQUEST_CODES = (*_CONTENT_CODES, "invalid_request", "invalid_argument", "not_found", "too_large")


class _Words(NamedTuple):
    """What an error document says: `codes` are its code, type and status, in lower case."""

    codes: str = ""
    message: str = ""
    code: str | None = None

    def quota(self) -> bool:
        # Some say "exceeded your current quota" of a limit a minute too, with this status.
        return _holds(self.codes, _QUOTA_CODES) or (
            "resource_exhausted" not in self.codes and _holds(self.message.lower(), _QUOTA_PHRASES)
        )

    def throttle(self) -> bool:
        words = f"{self.codes} {self.message.lower()}"
        return "resource_exhausted" in self.codes or _holds(words, _THROTTLE_WORDS)


def from_response(status: int, headers: Mapping[str, str], body: bytes, *, redact: Redact = str) -> Failure:
    """Return the Failure for a response other than 200.

    `headers` has lower-case names. The body is read in the shapes that providers send: `{"error": {"message",
    "type", "code"}}`, `{"error": "..."}`, `{"message": "..."}`, `{"detail": ...}`, a list of one of these, or
    no JSON at all. `redact` takes keys out of the server's words before they are shortened.
    """
    document = _document(body)
    words = _words(document, redact)
    html = body.lstrip()[:1] == b"<"
    kind = _as_server_says(_kind_of_status(status, words, shaped=bool(words.codes or words.message)), headers)
    if html and kind is FailureKind.AUTH:
        kind = FailureKind.TRANSIENT
    return Failure(
        kind,
        _reason(status, headers, words, body, redact),
        status=status,
        code=words.code,
        retry_after=_hint(kind, headers),
        request_id=_request_id(headers, redact),
        hints=parse_limits(headers),
    )


def from_body(error: Any, headers: Mapping[str, str], *, redact: Redact = str) -> Failure:
    """Return the Failure for an error inside a 200: a body or a stream event with an `error`."""
    words = _words({"error": error}, redact)
    kind = _kind_of_words(words)
    return Failure(
        kind,
        words.message or "the answer holds an error without a reason",
        status=200,
        code=words.code,
        retry_after=_hint(kind, headers),
        request_id=_request_id(headers, redact),
        hints=parse_limits(headers),
    )


def _hint(kind: FailureKind, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait. The reset headers say when a limit is full again, so they count for THROTTLE only."""
    return retry_after(headers) if kind is FailureKind.THROTTLE else asked_for(headers)


def _kind_of_status(status: int, words: _Words, *, shaped: bool) -> FailureKind:
    if status == 402 or (status in (400, 403, 429) and words.quota()):
        return FailureKind.QUOTA
    if _holds(words.codes, _CONTENT_CODES) or _holds(words.message.lower(), _CONTENT_PHRASES):
        return FailureKind.REQUEST
    if status == 429:
        # A request beyond the whole limit of a minute is never served, however long one waits.
        too_large = words.message.lower().startswith("request too large")
        return FailureKind.REQUEST if too_large else FailureKind.THROTTLE
    if status == 401:
        return FailureKind.AUTH
    if status == 403:
        return FailureKind.AUTH if shaped else FailureKind.TRANSIENT
    if status in (408, 409, 425) or status >= 500 or status < 200:
        return FailureKind.TRANSIENT
    if 300 <= status < 400 or status == 407:
        return FailureKind.CONFIG
    return FailureKind.REQUEST


def _kind_of_words(words: _Words) -> FailureKind:
    if words.code and re.fullmatch("[3-5][0-9][0-9]", words.code):
        return _kind_of_status(int(words.code), words, shaped=True)
    if words.quota():
        return FailureKind.QUOTA
    if words.throttle():
        return FailureKind.THROTTLE
    if _holds(words.codes, _AUTH_CODES):
        return FailureKind.AUTH
    return FailureKind.REQUEST if _holds(words.codes, _REQUEST_CODES) else FailureKind.TRANSIENT


def _as_server_says(kind: FailureKind, headers: Mapping[str, str]) -> FailureKind:
    """`x-should-retry` decides between a retry and none, except for failures of the key itself."""
    says = headers.get("x-should-retry", "").strip().lower()
    if says == "true" and kind is FailureKind.REQUEST:
        return FailureKind.TRANSIENT
    if says == "false" and kind in (FailureKind.TRANSIENT, FailureKind.THROTTLE):
        return FailureKind.REQUEST
    return kind


def _reason(status: int, headers: Mapping[str, str], words: _Words, body: bytes, redact: Redact) -> str:
    if 300 <= status < 400:
        place = _short(redact(headers.get("location", "another address")))
        return f"the server redirects to {place}; set base_url to where the service is"
    if status == 407:
        return "a proxy in between asks for a login; check base_url and the proxy"
    if words.message:
        return words.message
    if body.lstrip()[:1] == b"<":
        return "the server sent an HTML page, as a proxy does"
    return _short(redact(body.decode("utf-8", "replace")).strip()) or "no reason given"


def _request_id(headers: Mapping[str, str], redact: Redact) -> str | None:
    found = headers.get("x-request-id") or headers.get("request-id")
    return _short(redact(found)) if found else None


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _words(document: Any, redact: Redact) -> _Words:
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return _Words()
    error = document.get("error") or document
    if isinstance(error, str):
        more = document.get("message")
        return _Words(_lower(error), _short(redact(f"{error}: {more}" if isinstance(more, str) else error)))
    if not isinstance(error, dict):
        return _Words()
    message = error.get("message") or error.get("detail") or error.get("error") or ""
    if not isinstance(message, str):
        message = _written(message)
    code, kind = (_word(error.get(name)) for name in ("code", "type"))
    codes = _lower(" ".join(part for part in (code, kind, _word(error.get("status"))) if part))
    return _Words(codes, _short(redact(message)), _short(redact(code or kind or "")) or None)


def _written(value: Any) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _word(value: Any) -> str:
    """A code as text: a word, or a number a status could be."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < 1_000_000 else ""


def _lower(text: str) -> str:
    return text[:MESSAGE_LIMIT].lower()


def _holds(words: str, parts: tuple[str, ...]) -> bool:
    return any(part in words for part in parts)


def _short(text: str) -> str:
    """At most MESSAGE_LIMIT characters, all of which UTF-8 can hold."""
    cut = text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"
    return cut.encode("utf-8", "replace").decode()
