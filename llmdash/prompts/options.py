"""Model options of a single prompt: read from a request body."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from llmdash.prompts.template import one_line

__all__ = ["OptionError", "read_options"]

_MOST_TOKENS = 1_000_000_000
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")

# How an answer is delivered is decided by llmdash as the client, so these are ignored.
_PASSED_OVER = frozenset(("stream", "stream_options"))

# One prompt has one answer here: 1 is ignored, more is refused.
_COUNTS = frozenset(("n", "best_of"))

# These need more than one request and one text in answer. If empty, they have no effect and are accepted.
_UNSUPPORTED = frozenset(
    (
        *("tools", "tool_choice", "functions", "function_call", "mcp_servers", "container"),
        *("audio", "background", "previous_response_id", "conversation"),
    )
)
_WITHOUT_TOOLS = ("none", "auto")  # a `tool_choice` that chooses nothing where there are no tools

# These are the input, not options; they would replace the messages.
_NOT_OPTIONS = frozenset(("messages", "prompt", "input", "instructions", "system", "self"))


class OptionError(Exception):
    """An option that cannot be sent; the text says which and why."""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_TOKENS


def _is_text_only(value: object) -> bool:
    return value == ["text"]


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "model": (_is_text, "must be the name of a model"),
    "temperature": (_is_number, "must be a number"),
    "top_p": (_is_number, "must be a number"),
    "presence_penalty": (_is_number, "must be a number"),
    "frequency_penalty": (_is_number, "must be a number"),
    "seed": (_is_whole, "must be a whole number"),
    **dict.fromkeys(_LIMITS, (_is_count, "must be a whole number from 1 to 1,000,000,000")),
    "modalities": (_is_text_only, 'is not supported but as ["text"]'),
}


def read_options(body: Mapping[str, Any], ignored: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the options in a request body, without the names in `ignored`. Raises OptionError.

    Unknown names are kept for the server. `null` means not given, as it does in a request. A dialect's own
    names become the common ones: `stop_sequences` becomes `stop`, a list of text, and `max_output_tokens`
    becomes `max_tokens`. `stream` is left out, as is `n` where it is 1. What cannot be run is refused:
    several answers, tools, audio, state kept by the server.
    """
    options: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in ignored or name in _PASSED_OVER:
            continue
        if (check := _CHECKS.get(name)) is not None:
            fits, words = check
            if not fits(value):
                raise OptionError(f"`{name}` {words}")
            options["max_tokens" if name == "max_output_tokens" else name] = value
        elif name in ("stop", "stop_sequences"):
            options["stop"] = _stops(name, value)
        elif not _is_void(name, value):
            options[name] = value
    return options


def _is_void(name: str, value: Any) -> bool:
    """True if the option has no effect. Raises OptionError if it is not supported."""
    if name in _COUNTS:
        if value != 1:
            raise OptionError(f"`{name}` other than 1 is not supported; a prompt has one answer")
        return True
    if name in _UNSUPPORTED:
        if value and value not in _WITHOUT_TOOLS:
            raise OptionError(f"`{name}` is not supported; only text can be requested; remove it")
        return True
    if name in _NOT_OPTIONS:
        raise OptionError(f"`{one_line(name)}` is not an option; remove it")
    return False


def _stops(name: str, value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise OptionError(f"`{name}` must be text or a list of texts")
    return stops
