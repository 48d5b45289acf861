"""What servers refuse with: statuses, hints, empty purses, pages of HTML, errors inside a 200."""

from __future__ import annotations

from collections.abc import Iterator

from llmdash.llms.wire.failures import FailureKind
from tests.faults.fault import Fault, Play
from tests.faults.scene import Scene, Words
from tests.llms.raw_server import chunked, framed

LOCAL, TRANSIENT, THROTTLE, QUOTA, AUTH, REQUEST, CONFIG = FailureKind

SHORT_HINT_S = 1.0
_A_MONTH_S = 31 * 86_400.0
_JSON = b"content-type: application/json"
_DATE = b"date: Wed, 21 Oct 2015 07:28:00 GMT"
_PAGE = b"\r\n<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking</body></html>"

BUSY = Words("The server had an error", "server_error", None, "overloaded_error")
LIMIT = Words("Rate limit reached for requests", "requests", "rate_limit_exceeded", "rate_limit_error")
PURSE = Words("You exceeded your current quota", "insufficient_quota", "insufficient_quota", "billing_error")
NO_KEY = Words("Incorrect key", "invalid_request_error", "invalid_api_key", "authentication_error")
NOT_ALLOWED = Words("Not for this key", "permission_denied", None, "permission_error")
REFUSED = Words("Cannot serve this", "invalid_request_error", None, "invalid_request_error")
TOO_LONG = Words(
    "prompt is too long", "invalid_request_error", "context_length_exceeded", "invalid_request_error"
)


def status(code: int, words: Words, *headers: bytes) -> Play:
    """An error with its document."""

    async def play(scene: Scene) -> None:
        line = b"%d Error" % code
        await scene.send(framed(scene.said(words), _JSON, *headers, *scene.named(), status=line))

    return play


def bare(code: int, body: bytes, *headers: bytes) -> Play:
    """An error without a document; the key is echoed at the end, if it is to be."""

    async def play(scene: Scene) -> None:
        echoed = body + scene.key.encode() if scene.echo and body else body
        await scene.send(framed(echoed, *headers, status=b"%d Error" % code))

    return play


def redirect(code: int) -> Play:
    """To another host, which is not to be asked, nor to learn the key."""

    async def play(scene: Scene) -> None:
        where = f"{scene.elsewhere}?key={scene.key}" if scene.echo else scene.elsewhere
        await scene.send(framed(b"", b"location: " + where.encode(), status=b"%d Moved" % code))

    return play


def in_band(words: Words) -> Play:
    """An error in the midst of a stream; to a plain request, a 200 with an error for its body."""

    async def play(scene: Scene) -> None:
        if scene.streamed:
            await scene.send(chunked(*scene.begun(), scene.said_in_stream(words), headers=scene.named()))
        else:
            await scene.send(framed(scene.said(words), _JSON, *scene.named()))

    return play


def first_in_band(words: Words) -> Play:
    """A 200 with an error for its body, or for the first event of its stream."""

    async def play(scene: Scene) -> None:
        if scene.streamed and scene.rng.random() < 0.5:
            await scene.send(chunked(scene.said_in_stream(words)))
        else:
            await scene.send(framed(scene.said(words), _JSON))

    return play


def _statuses() -> Iterator[Fault]:
    for code in (408, 409, 425, 500, 501, 502, 503, 504, 520, 529):
        yield Fault(f"{code}", TRANSIENT, status(code, BUSY))
    for code in (400, 404, 405, 413, 415, 422, 451):
        yield Fault(f"{code}", REQUEST, status(code, REFUSED), mixed=False)
    yield Fault("400-too-long", REQUEST, status(400, TOO_LONG), mixed=False)
    yield Fault("401", AUTH, status(401, NO_KEY), mixed=False)
    yield Fault("401-empty", AUTH, bare(401, b""), mixed=False)
    yield Fault("403", AUTH, status(403, NOT_ALLOWED), mixed=False)
    yield Fault("403-bare", TRANSIENT, bare(403, b"Forbidden"))
    yield Fault("407", CONFIG, bare(407, b"who are you?"), mixed=False)
    yield Fault("503-empty", TRANSIENT, bare(503, b""))
    yield Fault("503-hint", TRANSIENT, status(503, BUSY, b"retry-after: 0.05"), hint_s=0.05)
    reset = b"x-ratelimit-reset-requests: 6m0s"
    yield Fault("500-reset-is-no-hint", TRANSIENT, status(500, BUSY, reset))
    yield Fault("400-retry", TRANSIENT, status(400, REFUSED, b"x-should-retry: true"))
    yield Fault("500-no-retry", REQUEST, status(500, BUSY, b"x-should-retry: false"), mixed=False)
    for code in (200, 401, 403, 500, 502, 503):
        yield Fault(f"{code}-html", TRANSIENT, bare(code, _PAGE, b"content-type: text/html"))
    for code in (301, 302, 303, 307, 308):
        yield Fault(f"{code}", CONFIG, redirect(code), mixed=False)


_HINTS: tuple[tuple[str, tuple[bytes, ...], float | None], ...] = (
    ("ms", (b"retry-after-ms: 80",), 0.08),
    ("ms-first", (b"retry-after-ms: 120", b"retry-after: 60"), 0.12),
    ("seconds", (b"retry-after: 1",), 1.0),
    ("fraction", (b"retry-after: 0.1",), 0.1),
    ("date", (_DATE, b"retry-after: Wed, 21 Oct 2015 07:28:01 GMT"), 1.0),
    ("reset", (b"x-ratelimit-reset-requests: 150ms", b"x-ratelimit-reset-tokens: 90ms"), 0.09),
    ("reset-long", (b"x-ratelimit-reset-tokens: 1h2m3.5s",), 3723.5),
    ("reset-rfc3339", (_DATE, b"anthropic-ratelimit-requests-reset: 2015-10-21T07:28:01Z"), 1.0),
    ("minutes", (b"retry-after: 300",), 300.0),
    ("absurd", (b"retry-after: " + b"9" * 60,), _A_MONTH_S),
    ("none", (), None),
    ("zero", (b"retry-after: 0",), None),
    ("negative", (b"retry-after: -5", b"retry-after-ms: -1"), None),
    ("nan", (b"retry-after: nan", b"x-ratelimit-reset-requests: NaN"), None),
    ("infinite", (b"retry-after: inf", b"retry-after-ms: 1e999"), None),
    ("words", (b"retry-after: soon",), None),
    ("past", (_DATE, b"retry-after: Wed, 21 Oct 2015 07:00:00 GMT"), None),
)

_QUOTAS: tuple[tuple[str, int, Words], ...] = (
    ("402", 402, Words("Payment required", "invalid_request_error")),
    ("402-balance", 402, Words("Insufficient Balance", "unknown_error")),
    ("429-quota", 429, PURSE),
    ("429-quota-type", 429, Words("no", "exceeded_current_quota_error", None, "insufficient_quota")),
    ("429-billing", 429, Words("Your account is not active", "x", "billing_not_active", "billing_error")),
    ("429-hard-limit", 429, Words("Billing hard limit has been reached", "x", "billing_hard_limit_reached")),
    ("429-spend-limit", 429, Words("You have reached your monthly spend limit", "rate_limit_error")),
    ("400-credit", 400, Words("Your credit balance is too low to access the API", "invalid_request_error")),
    ("403-credits", 403, Words("Your team has used all available credits", "permission_denied")),
)


def _limits() -> Iterator[Fault]:
    for name, headers, hint_s in _HINTS:
        short = hint_s is None or hint_s <= SHORT_HINT_S
        yield Fault(f"429-{name}", THROTTLE, status(429, LIMIT, *headers), hint_s=hint_s, mixed=short)
    large = Words("Request too large for the limit of tokens per min", "tokens", "rate_limit_exceeded")
    yield Fault("429-too-large", REQUEST, status(429, large), mixed=False)
    yield Fault("429-no-retry", THROTTLE, status(429, LIMIT, b"x-should-retry: false"), mixed=False)
    for name, code, words in _QUOTAS:
        yield Fault(name, QUOTA, status(code, words), mixed=False)


def _inside_a_200() -> Iterator[Fault]:
    for name, kind, words in (
        ("error", TRANSIENT, BUSY),
        ("throttle", THROTTLE, LIMIT),
        ("quota", QUOTA, PURSE),
        ("auth", AUTH, NO_KEY),
        ("request", REQUEST, TOO_LONG),
    ):
        mixed = kind in (TRANSIENT, THROTTLE)
        yield Fault(f"stream-{name}", kind, in_band(words), mixed=mixed)
        yield Fault(f"200-{name}", kind, first_in_band(words), mixed=mixed)


ERRORS = [*_statuses(), *_limits(), *_inside_a_200()]
