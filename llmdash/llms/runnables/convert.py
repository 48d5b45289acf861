"""Answers in LangChain's words: messages, chunks of messages, token counts, tool calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata

from llmdash.llms.messages import Delta, Generation, Usage

__all__ = ["ai_chunk", "ai_message", "info_of", "usage_of"]

Info = dict[str, Any]


def ai_message(answer: Generation, model: str) -> AIMessage:
    """Return an answer as a message."""
    calls, wrong = _tool_calls(answer.message)
    return AIMessage(
        content=answer.text,
        additional_kwargs=_thought(answer.reasoning),
        response_metadata=info_of(answer, model),
        usage_metadata=usage_of(answer.usage),
        tool_calls=calls,
        invalid_tool_calls=wrong,
    )


def ai_chunk(delta: Delta, model: str, *, last: bool) -> AIMessageChunk:
    """Return a Delta as a chunk. The tool calls of an answer come whole, with its `last` chunk."""
    calls, wrong = _tool_calls(delta.message)
    return AIMessageChunk(
        content=delta.text,
        additional_kwargs=_thought(delta.reasoning),
        response_metadata=info_of(delta, model) if last else {},
        usage_metadata=usage_of(delta.usage),
        tool_calls=calls,
        invalid_tool_calls=wrong,
        chunk_position="last" if last else None,
    )


def info_of(answer: Generation | Delta, model: str) -> Info:
    """Return what is known of an answer beside its text."""
    flags = {"flags": list(answer.flags)} if answer.flags else {}
    return {"finish_reason": answer.finish_reason, "model_name": model, **flags, **(answer.info or {})}


def usage_of(usage: Usage | None) -> UsageMetadata | None:
    """Return token counts, cached and reasoning ones told apart."""
    if usage is None:
        return None
    found = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    if usage.cached_tokens or usage.cache_write_tokens:
        found["input_token_details"] = {
            "cache_read": usage.cached_tokens,
            "cache_creation": usage.cache_write_tokens,
        }
    if usage.reasoning_tokens:
        found["output_token_details"] = {"reasoning": usage.reasoning_tokens}
    return found


def _thought(reasoning: str) -> Info:
    return {"reasoning_content": reasoning} if reasoning else {}


def _tool_calls(message: Mapping[str, Any] | None) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls in an answer of any dialect; invalid ones are those whose arguments are no JSON object."""
    calls: list[ToolCall] = []
    wrong: list[InvalidToolCall] = []
    for name, arguments, identity in _called(message or {}):
        parsed = _parsed(arguments)
        if parsed is not None:
            calls.append(ToolCall(name=name, args=parsed, id=identity, type="tool_call"))
        else:
            why = "the arguments are no JSON object"
            text = arguments if isinstance(arguments, str) else repr(arguments)
            wrong.append(
                InvalidToolCall(name=name, args=text, id=identity, error=why, type="invalid_tool_call")
            )
    return calls, wrong


def _called(message: Mapping[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Name, arguments and id of each call."""
    for call in _objects(message.get("tool_calls")):
        inner = call.get("function")
        if isinstance(inner, Mapping):
            yield str(inner.get("name")), inner.get("arguments"), call.get("id")
    for block in _objects(message.get("content")):
        if block.get("type") == "tool_use":
            yield str(block.get("name")), block.get("input"), block.get("id")
    for item in _objects(message.get("output")):
        if item.get("type") == "function_call":
            yield str(item.get("name")), item.get("arguments"), item.get("call_id")


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _parsed(arguments: Any) -> dict[str, Any] | None:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return None
    return arguments if isinstance(arguments, dict) else None
