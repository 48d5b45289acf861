"""Model options of a single prompt: read from a row or a request body, and merged with those of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from llmdash.prompts.template import one_line

__all__ = ["OptionError", "check_body", "general_options", "merge_options", "read_options"]

_MOST_TOKENS = 1_000_000_000
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")

DELIVERY = frozenset(("stream", "stream_options"))
"""How an answer is delivered: llmdash decides that as the client."""

# One prompt has one answer here: 1 is ignored, more is refused.
_COUNTS = frozenset(("n", "best_of"))

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


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "model": (_is_text, "must be the name of a model"),
    "temperature": (_is_number, "must be a number"),
    "top_p": (_is_number, "must be a number"),
    "presence_penalty": (_is_number, "must be a number"),
    "frequency_penalty": (_is_number, "must be a number"),
    "seed": (_is_whole, "must be a whole number"),
    **dict.fromkeys(_LIMITS, (_is_count, "must be a whole number from 1 to 1,000,000,000")),
}


def check_body(body: Mapping[str, Any]) -> None:
    """Raise OptionError for what no run can do with a request body: several answers, a model without a name.

    Anything else is for the server to judge.
    """
    if not _COUNTS.isdisjoint(body):
        for name in _COUNTS:
            _refuse_several(name, body.get(name))
    if not _is_text(body.get("model", "m")):
        raise OptionError("`model` must be the name of a model")


def _refuse_several(name: str, value: object) -> None:
    if value is not None and value != 1:
        raise OptionError(f"`{name}` other than 1 is not supported; a prompt has one answer")


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model options of a row. Raises OptionError for one that cannot be meant.

    Unknown names are kept for the server. `null` means not given, as it does in a request. A dialect's own
    names become the common ones: `stop_sequences` becomes `stop`, a list of text, and `max_output_tokens`
    becomes `max_tokens`. `stream` is left out, as is `n` where it is 1.
    """
    for name, value in given.items():
        if value is None or name not in _CHECKS:
            continue
        fits, words = _CHECKS[name]
        if not fits(value):
            raise OptionError(f"`{name}` {words}")
    for name in _NOT_OPTIONS & given.keys():
        raise OptionError(f"`{one_line(name)}` is not an option; remove it")
    return general_options(given)


def general_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request body asks for beside its input, in the names that every dialect takes.

    Raises OptionError for several answers, and for stop sequences that are none.
    """
    options: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in DELIVERY or name in _NOT_OPTIONS:
            continue
        if name in _COUNTS:
            _refuse_several(name, value)
        elif name in ("stop", "stop_sequences"):
            options["stop"] = _stops(name, value)
        else:
            options["max_tokens" if name == "max_output_tokens" else name] = value
    return options


def _stops(name: str, value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise OptionError(f"`{name}` must be text or a list of texts")
    return stops


def merge_options(run: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a run, overridden by a prompt's `own`.

    The token limit has three names (`max_tokens`, `max_completion_tokens`, `max_output_tokens`): one in `own`
    replaces any of them in `run`, since a server refuses two.
    """
    if not own:
        return run
    kept = dict(run)
    if any(name in own for name in _LIMITS):
        for name in _LIMITS:
            kept.pop(name, None)
    return {**kept, **own}
