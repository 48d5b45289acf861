"""What OpenAI's dialects share: keys, errors, rate limit headers, messages (its published API reference)."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Fault, Throttled, encode
from llmdash.simulator.limits import LimitsLeft

__all__ = [
    "DONE",
    "Limit",
    "OpenAIConventions",
    "OpenMessage",
    "StreamOptions",
    "bearer",
    "code_of",
    "duration",
    "model",
]

DONE = b"data: [DONE]\n\n"
Limit = Annotated[int, msgspec.Meta(ge=1)] | None

_KINDS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "unknown_url"),
    413: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
}
_FAILURE = ("server_error", None)

# The headers of each part of a LimitsLeft, in its order.
_HINTS = (
    (b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"),
    (b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"),
)


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class OpenMessage(msgspec.Struct):
    """A message of a conversation; a part that is not text counts as empty."""

    role: str = "tool"
    content: str | list[_Part] | None = None

    def flat(self) -> str:
        """Return the text of its parts, joined."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(msgspec.Struct):
    """The `stream_options` of a request."""

    include_usage: bool = False


def bearer(headers: Headers) -> str:
    """Return the key in an Authorization header; empty if there is none."""
    for name, value in headers:
        if name == b"authorization":
            return value[7:].decode("latin-1").strip() if value[:7].lower() == b"bearer " else ""
    return ""


def code_of(fault: Fault) -> str | None:
    """Return the error code of a fault; None if it has none."""
    return fault.code or _KINDS.get(fault.status, _FAILURE)[1]


def duration(seconds: float) -> str:
    """Return a time as OpenAI writes it in `x-ratelimit-reset-*`: `12ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, rest = divmod(milliseconds, 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{whole + rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown


def model(name: str) -> dict[str, Any]:
    """Return one entry of the model list."""
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "llmdash"}


class OpenAIConventions:
    """Keys in `Authorization: Bearer`, errors as `{"error": {"message", "type", "param", "code"}}`."""

    identity_header = b"x-request-id"

    def key(self, headers: Headers) -> str:
        return bearer(headers)

    def unknown_key(self, key: str) -> Fault:
        if not key:
            return Fault(
                401, "You didn't provide an API key. Send it in an Authorization header: 'Bearer YOUR_KEY'."
            )
        shown = f"{key[:3]}***{key[-2:] if len(key) > 8 else ''}"
        return Fault(401, f"Incorrect API key provided: {shown}.")

    def failure(self, overloaded: bool) -> Fault:
        return Fault(500, "The server had an error while processing your request. Sorry about that!")

    def error(self, fault: Fault, identity: str) -> bytes:
        kind, _ = _KINDS.get(fault.status, _FAILURE)
        if isinstance(fault, Throttled):
            kind = fault.limit
        body = {"message": str(fault), "type": kind, "param": fault.param, "code": code_of(fault)}
        return encode({"error": body})

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        headers: Headers = []
        for level, (limit, remaining, reset) in zip(limits_left, _HINTS, strict=True):
            if level is not None:
                headers += [
                    (limit, b"%d" % level.limit),
                    (remaining, b"%d" % level.remaining),
                    (reset, duration(level.reset_s).encode()),
                ]
        return headers

    def rest(self, seconds: float) -> Headers:
        return [
            (b"retry-after", b"%d" % math.ceil(seconds)),
            (b"retry-after-ms", b"%d" % round(seconds * 1000)),
        ]
