"""Why a call failed, and what follows: one exception class with a kind, made in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llmdash.llms.messages import Hints
from llmdash.llms.wire.body_hints import names_a_day, wait_in_words
from llmdash.llms.wire.classes import FailureClass, FailureKind, classify, is_about_model, spoken
from llmdash.llms.wire.error_document import Said, is_error, read_error, short
from llmdash.llms.wire.kept_headers import kept_headers
from llmdash.llms.wire.rate_limit_headers import RetryHint, asked_for, parse_limits, retry_after, wait_of

__all__ = ["Failure", "FailureKind", "failure_in", "from_body", "from_response", "retry_after"]

PROXY_LOGIN = "the proxy asks for a login; put user:password@ before its host in the proxy setting"
Redact = Callable[[str], str]
_WORDS_LIMIT = 8000


class Failure(Exception):
    """A call without an answer.

    `retry_after` is the server's hint in seconds; `request_id` the server's id of the call; `code` its own
    error code; `hints` its rate limit headers, `headers` those that are kept, with the status. `reached` is
    False where the request never got to the endpoint: no connection, no TLS. `partial` holds what had
    arrived, to look at: it is never an answer.

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
        headers: str = "",
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
        self.headers = headers
        self.reached = reached
        self.by_words = by_words
        self.names_request = names_request
        self.of_content = of_content
        self.is_guess = is_guess
        self.slow_down = slow_down
        self.may_be_billed = may_be_billed
        self.timed_out = timed_out
        self.partial = ""
        self._cause: _Cause | None = None

    def reword(self, message: str) -> None:
        """Replace the message, also in `args`."""
        self.message = message
        self.args = (message,)

    def __str__(self) -> str:
        return f"{self.status} {self.message}" if self.status else self.message

    @property
    def about_model(self) -> bool:
        """True if the server says that the model is not there, or not for this key."""
        return self._cause is not None and is_about_model(self._cause.said)

    @property
    def words(self) -> str:
        """All that the server says, of which `message` shows the start."""
        return self.message if self._cause is None else self._cause.said.words

    @property
    def param(self) -> str:
        """The part of the request that the server names; empty if it names none."""
        return "" if self._cause is None else self._cause.said.param

    @property
    def said(self) -> Said | None:
        """What the server said; None where no server did."""
        return None if self._cause is None else self._cause.said

    def heard(self, said: Said) -> None:
        """Take over what the server said, from a Failure that was judged elsewhere."""
        self._cause = _Cause(self.status or 0, {}, said)

    def discount(self, request: bytes) -> None:
        """Judge again by all but words that the body of the request has too: a server may repeat it."""
        cause = self._cause
        if cause is not None and (self.by_words or self.of_content or self.retry_after is not None):
            self._judge(cause, spoken(request))

    def _judge(self, cause: _Cause, asked: str) -> None:
        """Take class and hint from what the server said."""
        finding, wait = cause.finding(asked)
        self._cause = cause
        self.kind = finding.kind
        self.by_words = finding.by_words
        self.names_request = finding.names_request
        self.of_content = finding.of_content
        self.slow_down = finding.slow_down
        self.retry_after = None if wait is None else wait.seconds
        self.is_guess = wait is not None and wait.is_guess


class _Cause(NamedTuple):
    """What a Failure was made of."""

    status: int
    headers: Mapping[str, str]
    said: Said

    def finding(self, asked: str) -> tuple[FailureClass, RetryHint | None]:
        """The class and the hint, by all that is not in the words of the request."""
        found = classify(self.status, self.said, asked)
        in_words = wait_in_words(self.said.words, asked)
        wait = self._wait(found.kind, self.said.wait or in_words)
        if not self.said.is_cut and _is_day_over(found, wait, self.said.words, asked):
            found = FailureClass(FailureKind.QUOTA, by_words=True)
            wait = self._wait(found.kind, None)
        return found._replace(kind=_as_server_says(found.kind, self.headers)), wait

    def _wait(self, kind: FailureKind, in_body: float | None) -> RetryHint | None:
        """The reset headers say when a limit is full again, so they count for THROTTLE only."""
        if kind is FailureKind.THROTTLE:
            return wait_of(self.headers, in_body)
        asked = asked_for(self.headers)
        if asked is None and kind is FailureKind.TRANSIENT:
            asked = in_body
        return None if asked is None else RetryHint(asked)


def _is_day_over(found: FailureClass, wait: RetryHint | None, words: str, asked: str) -> bool:
    """A limit of a day that says nothing of when to come back."""
    open_ended = found.kind is FailureKind.THROTTLE and (wait is None or wait.is_guess)
    return open_ended and not found.slow_down and names_a_day(words) and not names_a_day(asked)


def from_response(
    status: int, headers: Mapping[str, str], body: bytes, *, redact: Redact = str, is_cut: bool = False
) -> Failure:
    """Return the Failure for a response other than 200.

    `headers` has lower-case names. The body is read in the shapes that providers send (`read_error`), or
    it is no JSON at all; with `is_cut` its end did not arrive. `redact` takes keys out of the server's words
    before they are shortened.
    """
    said = read_error(_document(body), redact)
    if body.lstrip()[:1] == b"<":
        said = said._replace(is_page=True)
    elif not said.words:
        said = said._replace(
            words=redact(body.decode("utf-8", "replace")).strip()[:_WORDS_LIMIT], is_cut=is_cut
        )
    return _made(_Cause(status, headers, said), _reason(status, headers, said, redact), redact)


def from_body(error: Any, headers: Mapping[str, str], *, redact: Redact = str) -> Failure:
    """Return the Failure for an error inside a 200: a body or a stream event, or its `error` alone."""
    said = read_error(error, redact)
    return _made(
        _Cause(200, headers, said), said.message or "the answer holds an error without a reason", redact
    )


def failure_in(document: Any, headers: Mapping[str, str], *, redact: Redact = str) -> Failure | None:
    """Return the Failure for a JSON document inside a 200 that says it is an error, in whatever shape
    (`{"base_resp": {...}}`, `{"code": 1302, "msg": ...}`, `{"errors": [...]}`, `{"detail": ...}`); None for
    any other.
    """
    return from_body(document, headers, redact=redact) if is_error(document) else None


def _made(cause: _Cause, reason: str, redact: Redact) -> Failure:
    failure = Failure(
        FailureKind.TRANSIENT,
        reason,
        status=cause.status,
        code=cause.said.code,
        request_id=_request_id(cause.headers, redact),
        hints=parse_limits(cause.headers),
        headers=kept_headers(cause.status, cause.headers, redact),
    )
    failure._judge(cause, "")
    return failure


def _as_server_says(kind: FailureKind, headers: Mapping[str, str]) -> FailureKind:
    """`x-should-retry` decides between a retry and none where no key and no limit is the trouble."""
    says = headers.get("x-should-retry", "").strip().lower()
    if says == "true" and kind is FailureKind.REQUEST:
        return FailureKind.TRANSIENT
    return FailureKind.REQUEST if says == "false" and kind is FailureKind.TRANSIENT else kind


def _reason(status: int, headers: Mapping[str, str], said: Said, redact: Redact) -> str:
    if 300 <= status < 400:
        place = short(redact(headers.get("location", "another address")))
        return f"the server redirects to {place}; set base_url to where the service is"
    if status == 407:
        return PROXY_LOGIN
    if said.is_page:
        return "the server sent an HTML page, as a proxy does"
    return said.message or short(said.words) or "no reason given"


def _request_id(headers: Mapping[str, str], redact: Redact) -> str | None:
    found = headers.get("x-request-id") or headers.get("request-id")
    return short(redact(found)) if found else None


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
