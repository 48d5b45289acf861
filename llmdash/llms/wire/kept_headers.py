"""The few headers of a response that are kept to be looked at: limits, ids of the request, and how long the
server took. No other header is, so that none with a secret can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["kept_headers"]

_NAMES: Final = frozenset(
    (
        *("x-request-id", "request-id", "apim-request-id", "x-ms-request-id"),
        *("retry-after", "retry-after-ms", "x-should-retry"),
        *("openai-processing-ms", "x-envoy-upstream-service-time"),
    )
)
_OF_LIMITS: Final = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit")
_MOST: Final = 16
_LONGEST: Final = 128
"""Characters of a line at most."""


def kept_headers(status: int, headers: Mapping[str, str], redact: Callable[[str], str] = str) -> str:
    """Return the status and the headers that are kept, a line each, without secrets; empty if there are none.
    Of limits that let a request pass only what remains is kept: a run has one such text for each attempt.

    `headers` has names in lower case.

    >>> kept_headers(200, {"x-request-id": "req_1", "set-cookie": "a=b"})
    '200\nx-request-id: req_1'
    """
    all_limits = status >= 300
    found = [
        name
        for name in headers
        if name in _NAMES or (name.startswith(_OF_LIMITS) and (all_limits or "remaining" in name))
    ]
    if not found:
        return ""
    lines = [_line(name, headers[name]) for name in found[:_MOST]]
    kept = redact("\n".join((str(status), *lines)))
    if len(kept) > _LONGEST:
        kept = "\n".join(line[:_LONGEST] for line in kept.split("\n"))
    return kept


def _line(name: str, value: str) -> str:
    line = f"{name}: {value}"
    if line.isascii() and line.isprintable():
        return line
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in line)
