"""Token counts as servers report them."""

from __future__ import annotations

from typing import Any

from llmdash.llms.messages import Usage

__all__ = ["as_count", "usage_of"]

_MOST_TOKENS = 2**53
_DIGITS = len(str(_MOST_TOKENS))
_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")
_CACHED = ("cached_tokens", "cache_read", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_CACHE_WRITES = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation",
    "cache_creation_input_tokens",
)
_REASONING = ("reasoning_tokens", "reasoning")
_OF_INPUT, _OF_OUTPUT = (
    tuple(f"{stem}_details" for name in names for stem in (name, name.removesuffix("s")))
    for names in (_INPUT, _OUTPUT)
)


def as_count(tokens: Any, name: str) -> int | None:
    """Return the count `name` in `tokens`, None unless it is a plausible number, or a text of one."""
    count = tokens.get(name) if isinstance(tokens, dict) else None
    if type(count) is str and count.isdecimal() and len(count) <= _DIGITS:
        count = float(count)
    if type(count) is float and count.is_integer():
        count = int(count)
    return count if type(count) is int and 0 <= count < _MOST_TOKENS else None


def usage_of(tokens: Any) -> Usage | None:
    """Return the token counts of chat completions, completions or Responses, also as LangChain names them.

    Where the total is larger than its parts, the output holds the rest: reasoning that the server counts
    apart. None where nothing plausible is said; counts that are all 0 say nothing.
    """
    if not isinstance(tokens, dict):
        return None
    asked = _first(tokens, _INPUT)
    said = _first(tokens, _OUTPUT)
    total = as_count(tokens, "total_tokens")
    if total is not None and asked is not None:
        said = max(said or 0, total - asked)
    if said is None:
        return None
    asked = asked or 0
    of_input = _details(tokens, _OF_INPUT)
    of_output = _details(tokens, _OF_OUTPUT)
    thought = _first(of_output, _REASONING) or as_count(tokens, "reasoning_tokens") or 0
    if total is None and thought > said:
        said += thought
    cached = min(asked, _first(of_input, _CACHED) or _first(tokens, _CACHED) or 0)
    written = min(asked - cached, _first(of_input, _CACHE_WRITES) or _first(tokens, _CACHE_WRITES) or 0)
    if not (asked or said):
        return None
    return Usage(
        asked,
        said,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=min(thought, said),
    )


def _first(tokens: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in tokens and (count := as_count(tokens, name)) is not None:
            return count
    return None


def _details(tokens: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What is said of the parts of a count: `prompt_tokens_details`, `input_token_details`."""
    for name in names:
        if name in tokens and isinstance(tokens[name], dict):
            details: dict[str, Any] = tokens[name]
            return details
    return {}
