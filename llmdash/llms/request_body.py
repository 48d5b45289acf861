"""The body of a request: written as JSON, and what it says of the answer to expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["is_several", "is_slow", "written"]

_encode = msgspec.json.Encoder().encode


def written(body: Mapping[str, Any]) -> bytes:
    """Return `body` as JSON bytes. Raises Failure (REQUEST) for what JSON cannot hold."""
    try:
        return _encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure(FailureKind.REQUEST, f"the request cannot be written as JSON: {error}") from None


def is_slow(body: Mapping[str, Any]) -> bool:
    """Return True where the first byte comes only when all the work is done: no stream, or reasoning before
    it.
    """
    return not body.get("stream") or any(
        _is_on(value) for name, value in body.items() if "reasoning" in name or "thinking" in name
    )


def _is_on(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not any(
            value.get(name) in ("none", "disabled", False) for name in ("type", "effort", "enabled")
        )
    return value not in (None, False, "none", "", 0)


def is_several(number: Any) -> bool:
    """Return True if `n` asks for more than one answer."""
    return isinstance(number, int) and number > 1
