"""Tool calls and their results in the words of another dialect than chat completions.

Messages of LangChain are written as chat completions have them (`tool_calls`, role `tool`). An object that a
caller wrote goes through as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmdash.llms.messages import GeneralTurn, Turn, role_of
from llmdash.llms.parts import as_block_part, as_item_part

__all__ = ["as_blocks", "as_items"]


def as_blocks(turns: Iterable[Turn]) -> list[Turn]:
    """Return the messages as Anthropic's API has them: calls and results are blocks of content.

    https://docs.anthropic.com/en/docs/build-with-claude/tool-use
    """
    written: list[Turn] = []
    results: list[Any] = []
    for turn in turns:
        if isinstance(turn, GeneralTurn) and role_of(turn) == "tool":
            if not results:  # those that follow each other are one message of the user
                written.append({"role": "user", "content": results})
            results.append(_result(turn))
            continue
        results = []
        if isinstance(turn, GeneralTurn) and turn.get("tool_calls"):
            turn = {"role": "assistant", "content": [*_said_blocks(turn), *_call_blocks(turn)]}
        elif isinstance(turn, GeneralTurn):
            turn = {"role": role_of(turn), "content": _block_content(turn)}
        written.append(turn)
    return written


def _result(turn: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a call."""
    said = _block_content(turn) or ""
    return {"type": "tool_result", "tool_use_id": turn.get("tool_call_id"), "content": said}


def _said_blocks(turn: Mapping[str, Any]) -> list[Any]:
    content = _block_content(turn)
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def _block_content(turn: Mapping[str, Any]) -> Any:
    content = turn.get("content")
    return [as_block_part(part) for part in content] if isinstance(content, list) else content


def _call_blocks(turn: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for identity, name, arguments in _calls(turn):
        yield {"type": "tool_use", "id": identity, "name": name, "input": _object(arguments)}


def as_items(turns: Iterable[Turn]) -> list[Any]:
    """Return the messages as items of the Responses API: calls and results are items of their own.

    https://platform.openai.com/docs/guides/function-calling
    """
    items: list[Any] = []
    for turn in turns:
        if not isinstance(turn, GeneralTurn):
            items.append(turn)
        elif role_of(turn) == "tool":
            output = _item_content(turn) or ""
            items.append(
                {"type": "function_call_output", "call_id": turn.get("tool_call_id"), "output": output}
            )
        elif turn.get("tool_calls"):
            if turn.get("content"):
                items.append({"role": "assistant", "content": _item_content(turn)})
            items += [
                {"type": "function_call", "call_id": identity, "name": name, "arguments": arguments}
                for identity, name, arguments in _calls(turn)
            ]
        else:
            items.append({"role": role_of(turn), "content": _item_content(turn)})
    return items


def _item_content(turn: Mapping[str, Any]) -> Any:
    content, role = turn.get("content"), role_of(turn)
    return [as_item_part(part, role) for part in content] if isinstance(content, list) else content


def _calls(turn: Mapping[str, Any]) -> Iterator[tuple[Any, Any, str]]:
    """Id, name and arguments (JSON) of each call."""
    calls = turn.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        inner = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(inner, Mapping):
            arguments = inner.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
            yield call.get("id"), inner.get("name"), text


def _object(arguments: str) -> Any:
    """Arguments as an object; Anthropic takes nothing else."""
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return {"arguments": arguments}
    return found if isinstance(found, dict) else {"arguments": found}
