"""A message as text to look at: what is no text in it is shown by its kind and size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmdash.prompts.source import Said

__all__ = ["shown", "shown_answer"]

_LONGEST_ARGUMENTS = 2_000
_RESULTS = ("function_call_output", "custom_tool_call_output")
_TEXTS = ("text", "input_text", "output_text", "part")
_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")


def shown(said: Said) -> tuple[str, str]:
    """Return the role and the text of a message; each part that is no text, and each call of a tool, on a
    line of its own.
    """
    if isinstance(said, tuple):
        return said
    role = said.get("role") or said.get("type") or ""
    return str(role), "\n".join(_lines(said))


def shown_answer(text: str, message: Mapping[str, Any]) -> str:
    """Return an answer with what its text does not say: parts and calls, in any dialect's own object."""
    items = message.get("output")
    said = items if isinstance(items, list) else [message]
    more = [line for one in said if isinstance(one, Mapping) for line in _more(one, spoken=bool(text))]
    return "\n".join([text, *more] if text else more)


def _more(said: Mapping[str, Any], *, spoken: bool) -> Iterator[str]:
    content = said.get("content")
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, Mapping) else None
        if _text(part) is None and kind not in _THOUGHTS and not (spoken and kind == "refusal"):
            yield _part(part)
    yield from _beside(said if not spoken else {**said, "refusal": None})


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    content = said.get("output") if said.get("type") in _RESULTS else said.get("content")
    if isinstance(content, str) and content:
        yield content
    for part in content if isinstance(content, list) else ():
        yield _part(part)
    yield from _beside(said)


def _beside(said: Mapping[str, Any]) -> Iterator[str]:
    """What a message holds beside its content."""
    yield from _calls(said)
    images = said.get("images")
    yield from map(_part, images if isinstance(images, list) else ())
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


def _text(part: object) -> str | None:
    """The text of a part that is one; None for any other."""
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) and _kind(part) in _TEXTS else None


def _kind(part: Any) -> str:
    return str(part.get("type") or "part")


def _part(part: object) -> str:
    text = _text(part)
    if text is not None:
        return text
    if not isinstance(part, Mapping):
        return f"[{type(part).__name__}]"
    kind = _kind(part)
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
