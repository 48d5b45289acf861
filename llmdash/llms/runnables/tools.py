"""Tools, and the choice among them, in the words of each dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

__all__ = ["Choice", "Tool", "written_choice", "written_tool"]

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
Choice = str | bool | dict[str, Any] | None
_WORDS = ("auto", "none", "required")
_SCHEMAS = (None, "function", "object")


def written_tool(tool: Tool, wire: str, *, strict: bool | None) -> dict[str, Any]:
    """Return a tool as the API of `wire` has it; a provider's own is left as it is."""
    if isinstance(tool, dict) and _is_own(tool, wire):
        return tool
    written = convert_to_openai_tool(tool, strict=strict)
    if "function" not in written or wire == "chat":
        return written
    function = written["function"]
    if wire == "responses":
        return {"type": "function", **function}
    found = {"name": function["name"], "description": function.get("description", "")}
    more = {"strict": strict} if strict is not None else {}
    return {**found, "input_schema": function.get("parameters") or {"type": "object"}, **more}


def _is_own(tool: dict[str, Any], wire: str) -> bool:
    """Whether a provider runs the tool (a search), or the tool is in the API's own words already."""
    words = {"messages": "input_schema", "responses": "parameters"}.get(wire)
    is_written = words == "input_schema" or tool.get("type") == "function"
    return tool.get("type") not in _SCHEMAS or (is_written and words in tool)


def written_choice(choice: Choice, wire: str, *, is_parallel: bool | None) -> dict[str, Any]:
    """Return the options that say which tool to call, and whether several at once."""
    named = "required" if choice is True or choice == "any" else choice or None
    if wire == "messages":
        return _choice_of_messages(named, is_parallel)
    if isinstance(named, str) and named not in _WORDS:
        function = {"name": named}
        named = {"type": "function", **(function if wire == "responses" else {"function": function})}
    options = {"tool_choice": named, "parallel_tool_calls": is_parallel}
    return {name: value for name, value in options.items() if value is not None}


def _choice_of_messages(named: str | dict[str, Any] | None, is_parallel: bool | None) -> dict[str, Any]:
    if isinstance(named, str):
        word = "any" if named == "required" else named
        named = {"type": word} if named in _WORDS else {"type": "tool", "name": named}
    if is_parallel is not None:
        named = {**(named or {"type": "auto"}), "disable_parallel_tool_use": not is_parallel}
    return {"tool_choice": named} if named else {}
