"""Which limit a refusal (429) is about, by what the server says."""

from __future__ import annotations

import re
from enum import Enum, auto

from llmdash.llms.wire.failures import Failure

__all__ = ["LimitNamed", "limit_named"]

_OUTPUT = re.compile(r"output.{0,3}token|completion.{0,3}token|\botpm\b", re.IGNORECASE)
_INPUT = re.compile(r"input.{0,3}token|prompt.{0,3}token|\bitpm\b", re.IGNORECASE)
_TOKENS = re.compile(r"token|\btpm\b", re.IGNORECASE)
_AT_ONCE = re.compile(r"concurren|simultaneous|in parallel|parallel requests|in.flight", re.IGNORECASE)
_REQUESTS = re.compile(r"request.{0,20}(per|/|a) ?min|requests? per|\brpm\b|^requests?$", re.IGNORECASE)


class LimitNamed(Enum):
    """A limit of a key."""

    REQUESTS = auto()
    TOKENS = auto()
    INPUT = auto()
    OUTPUT = auto()
    AT_ONCE = auto()


def limit_named(failure: Failure) -> LimitNamed | None:
    """Return the limit that a refusal names, or whose headers say that nothing is left; else None."""
    said = f"{failure.code or ''} {failure.message}"
    for named, words in (
        (LimitNamed.OUTPUT, _OUTPUT),
        (LimitNamed.INPUT, _INPUT),
        (LimitNamed.TOKENS, _TOKENS),
        (LimitNamed.AT_ONCE, _AT_ONCE),
    ):
        if words.search(said):
            return named
    hints = failure.hints
    if hints is not None and hints.remaining_tokens == 0:
        return LimitNamed.TOKENS
    if _REQUESTS.search(said) or (hints is not None and hints.remaining_requests == 0):
        return LimitNamed.REQUESTS
    return None
