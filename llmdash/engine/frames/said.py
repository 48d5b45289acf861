"""A message as text to look at: what is no text in it is shown by its kind and size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmdash.prompts.source import Said

__all__ = ["shown", "shown_answer"]

_LONGEST_ARGUMENTS = 2_000
_RESULTS = ("function_call_output", "custom_tool_call_output")
_TEXTS = ("text", "input_text", "output_text")


def shown(said: Said) -> tuple[str, str]:
    """Return the role and the text of a message; each part that is no text, and each call of a tool, on a
    line of its own.
    """
    if isinstance(said, tuple):
        return said
    role = said.get("role") or said.get("type") or ""
    return str(role), "\n".join(_lines(said))


def shown_answer(message: Mapping[str, Any]) -> str:
    """Return an answer that text alone does not say: its parts and calls, in any dialect's own object."""
    items = message.get("output")
    said = items if isinstance(items, list) else [message]
    return "\n".join(line for one in said if isinstance(one, Mapping) for line in _lines(one))


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    content = said.get("output") if said.get("type") in _RESULTS else said.get("content")
    if isinstance(content, str) and content:
        yield content
    for part in content if isinstance(content, list) else ():
        yield _part(part)
    yield from _calls(said)
    for name in ("audio", "refusal"):
        if said.get(name):
            yield _part({"type": name, name: said[name]})
    if answered := said.get("tool_call_id") or (
        said.get("call_id") if said.get("type") in _RESULTS else None
    ):
        yield f"[answers {answered}]"


def _calls(said: Mapping[str, Any]) -> Iterator[str]:
    calls = said.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        inner = call.get("function") if isinstance(call, Mapping) else None
        yield _call(inner if isinstance(inner, Mapping) else {})
    if isinstance(said.get("function_call"), Mapping):
        yield _call(said["function_call"])
    if said.get("type") in ("function_call", "custom_tool_call"):
        yield _call(said)


def _call(call: Mapping[str, Any]) -> str:
    arguments = call.get("arguments", call.get("input", ""))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return f"→ {call.get('name') or 'a tool'}({_short(text)})"


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return f"[{type(part).__name__}]"
    kind = str(part.get("type") or "part")
    text = part.get("text")
    if isinstance(text, str) and (kind in _TEXTS or kind == "part"):
        return text
    if kind == "tool_use":
        return _call(part)
    if kind == "tool_result":
        return "\n".join([*_lines(part), f"[answers {part.get('tool_use_id')}]"])
    return f"[{kind}, {_size(part)}]"


def _size(part: Mapping[str, Any]) -> str:
    """The size of a part as it is sent."""
    size = len(json.dumps(part, ensure_ascii=False, default=str))
    return f"{size:,} B" if size < 10_000 else f"{size / 1000:,.0f} KB"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ARGUMENTS else text[: _LONGEST_ARGUMENTS - 1] + "…"
