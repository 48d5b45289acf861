"""Answers that are objects: how they are asked for, and how they are read."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal

from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

__all__ = ["Method", "structured", "written_format"]

Method = Literal["function_calling", "json_schema", "json_mode"]


def written_format(
    schema: dict[str, Any] | type, method: Method, wire: str, *, strict: bool | None
) -> dict[str, Any]:
    """Return the options that ask for JSON. Raises ValueError where an API has none."""
    if method not in ("json_schema", "json_mode") or wire not in ("chat", "responses"):
        raise ValueError(f"method={method!r} is not there in this API; use 'function_calling'")
    if method == "json_mode":
        asked: dict[str, Any] = {"type": "json_object"}
        return {"response_format": asked} if wire == "chat" else {"text": {"format": asked}}
    function = convert_to_openai_tool(schema, strict=strict)["function"]
    more = {name: function[name] for name in ("description", "strict") if function.get(name)}
    named = {"name": function["name"], "schema": function.get("parameters") or {"type": "object"}, **more}
    if wire == "chat":
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {"text": {"format": {"type": "json_schema", **named}}}


def structured(
    asked: Runnable[Any, Any], schema: dict[str, Any] | type, method: Method, *, include_raw: bool
) -> Runnable[Any, Any]:
    """Return `asked` with its answers read as `schema`; with `include_raw` as `raw`, `parsed` and
    `parsing_error`.
    """
    parser = _parser(schema, method)
    if not include_raw:
        return asked | parser
    read = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    unread = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=asked) | read.with_fallbacks([unread], exception_key="parsing_error")


def _parser(schema: dict[str, Any] | type, method: Method) -> BaseOutputParser[Any]:
    model = schema if isinstance(schema, type) and issubclass(schema, BaseModel) else None
    if method != "function_calling":
        return JsonOutputParser() if model is None else PydanticOutputParser(pydantic_object=model)
    if model is not None:
        return PydanticToolsParser(tools=[model], first_tool_only=True)
    name = convert_to_openai_tool(schema)["function"]["name"]
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
