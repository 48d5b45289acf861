"""What Anthropic's requests share: keys, errors, rate limit headers (its published API reference)."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import encode
from llmdash.simulator.dialects.openai import bearer
from llmdash.simulator.errors import ServedError
from llmdash.simulator.limits import LimitsLeft

__all__ = ["AnthropicConventions"]

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicConventions:
    """Keys in `x-api-key` or as a bearer token, errors as `{"type": "error", "error": {...}}`."""

    identity_header = b"request-id"

    def key(self, headers: Headers) -> str:
        for name, value in headers:
            if name == b"x-api-key":
                return value.decode("latin-1").strip()
        return bearer(headers)

    def unknown_key(self, key: str) -> ServedError:
        return ServedError(401, "invalid x-api-key" if key else "x-api-key header is required")

    def failure(self, overloaded: bool) -> ServedError:
        return ServedError(529, "Overloaded") if overloaded else ServedError(500, "Internal server error")

    def error(self, error: ServedError, identity: str) -> bytes:
        body = {"type": _KINDS.get(error.status, "api_error"), "message": str(error)}
        return encode({"type": "error", "error": body, "request_id": f"req_{identity}"})

    def hints(self, limits_left: LimitsLeft, wall: float) -> Headers:
        """Return the headers; the one token limit is that of the input, of the output, and of both."""
        headers: Headers = []
        tokens = limits_left.tokens
        for name, level in (
            (b"requests", limits_left.requests),
            (b"tokens", tokens),
            (b"input-tokens", tokens),
            (b"output-tokens", tokens),
        ):
            if level is not None:
                headers += [
                    (b"anthropic-ratelimit-" + name + b"-limit", b"%d" % level.limit),
                    (b"anthropic-ratelimit-" + name + b"-remaining", b"%d" % level.remaining),
                    (b"anthropic-ratelimit-" + name + b"-reset", _moment(wall + level.reset_s)),
                ]
        return headers

    def rest(self, seconds: float) -> Headers:
        return [(b"retry-after", b"%d" % math.ceil(seconds))]


def _moment(wall: float) -> bytes:
    """A Unix time in the format of RFC 3339, in UTC, rounded up to whole seconds."""
    return datetime.fromtimestamp(math.ceil(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
