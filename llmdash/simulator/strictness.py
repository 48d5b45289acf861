"""The request fields that the providers publish: strict servers refuse all others, and values of wrong types.

Types are those of the top level; what is inside of an object is the provider's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llmdash.simulator.errors import ServedError

__all__ = [
    "FIELDS",
    "strict_chat",
    "strict_completions",
    "strict_count",
    "strict_embeddings",
    "strict_messages",
    "strict_responses",
]

_Text, _Whole, _Number, _Flag = str | None, int | None, float | None, bool | None
_Object, _List = dict[str, Any] | None, list[Any] | None
_Words = str | list[str] | None
_Choice = str | dict[str, Any] | None

_SHARED = {
    "metadata": _Object,
    "prompt_cache_key": _Text,
    "prompt_cache_options": _Object,
    "prompt_cache_retention": _Text,
    "safety_identifier": _Text,
    "service_tier": _Text,
    "store": _Flag,
    "stream": _Flag,
    "stream_options": _Object,
    "temperature": _Number,
    "tool_choice": _Choice,
    "tools": _List,
    "top_p": _Number,
    "parallel_tool_calls": _Flag,
    "moderation": _Object,
    "user": _Text,
    "model": str,
}
_SAMPLING = {
    "frequency_penalty": _Number,
    "logit_bias": _Object,
    "max_tokens": _Whole,
    "n": _Whole,
    "presence_penalty": _Number,
    "seed": _Whole,
    "stop": _Words,
}
_CHAT = {
    **_SHARED,
    **_SAMPLING,
    "audio": _Object,
    "function_call": _Choice,
    "functions": _List,
    "logprobs": _Flag,
    "max_completion_tokens": _Whole,
    "messages": list[Any],
    "modalities": _List,
    "prediction": _Object,
    "reasoning_effort": _Text,
    "response_format": _Object,
    "top_logprobs": _Whole,
    "verbosity": _Text,
    "web_search_options": _Object,
}
_COMPLETIONS = {
    **_SAMPLING,
    "best_of": _Whole,
    "echo": _Flag,
    "logprobs": _Whole,
    "model": str,
    "prompt": str | list[Any] | None,
    "stream": _Flag,
    "stream_options": _Object,
    "suffix": _Text,
    "temperature": _Number,
    "top_p": _Number,
    "user": _Text,
}
_RESPONSES = {
    **_SHARED,
    "access_programs": Any,
    "background": _Flag,
    "background_options": _Object,
    "context_management": _List,
    "conversation": _Choice,
    "image": Any,
    "include": _List,
    "input": str | list[Any],
    "instructions": _Text,
    "max_output_tokens": _Whole,
    "max_tool_calls": _Whole,
    "previous_response_id": _Text,
    "prompt": _Object,
    "reasoning": _Object,
    "text": _Object,
    "top_logprobs": _Whole,
    "truncation": _Text,
}
_COUNT = {
    "cache_control": _Object,
    "context_management": _Object,
    "mcp_servers": _List,
    "messages": list[Any],
    "model": str,
    "output_config": _Object,
    "output_format": _Object,
    "speed": _Text,
    "system": str | list[Any],
    "thinking": _Object,
    "tool_choice": _Object,
    "tools": _List,
    "user_profile_id": _Text,
    "workspace_id": _Text,
}
_MESSAGES = {
    **_COUNT,
    "betas": _List,
    "billing_policy": Any,
    "compaction": Any,
    "container": _Choice,
    "diagnostics": _Object,
    "fallback_credit_token": _Text,
    "fallbacks": _List,
    "inference_geo": _Text,
    "max_tokens": int,
    "metadata": _Object,
    "service_tier": _Text,
    "stop_sequences": _List,
    "stream": _Flag,
    "temperature": _Number,
    "thread": Any,
    "top_k": _Whole,
    "top_p": _Number,
}
_EMBEDDINGS = {
    "dimensions": _Whole,
    "encoding_format": _Text,
    "input": str | list[Any],
    "model": str,
    "user": _Text,
}

Fields = Mapping[str, Any]
FIELDS: Mapping[str, Fields] = {
    "chat": _CHAT,
    "completions": _COMPLETIONS,
    "responses": _RESPONSES,
    "messages": _MESSAGES,
    "count_tokens": _COUNT,
    "embeddings": _EMBEDDINGS,
}
"""The fields of each kind of request, and the types that their values may have."""

_CHAT_MESSAGE = {
    "audio",
    "content",
    "function_call",
    "name",
    "refusal",
    "role",
    "tool_call_id",
    "tool_calls",
    "phase",
}
_MESSAGE = {"content", "role"}
_KINDS = {str: "a string", int: "an integer", float: "a decimal", bool: "a boolean", dict: "an object"}


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "an array")


def _misfit(body: Mapping[str, Any], fields: Fields) -> tuple[str, str] | None:
    """The first field with a value of a wrong type, and what is wrong with it."""
    for name, value in body.items():
        try:
            msgspec.convert(value, fields[name])
        except msgspec.ValidationError as error:
            return name, f"{error}, not {_kind(value)}"
    return None


def _strangers(messages: Any, known: set[str]) -> Iterable[tuple[int, str]]:
    """The fields of messages that no message has, and where they are."""
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict):
            yield from ((place, name) for name in message if name not in known)


def _openai(body: Mapping[str, Any], fields: Fields) -> None:
    unknown = [name for name in body if name not in fields]
    if unknown:
        several = "s" if len(unknown) > 1 else ""
        raise ServedError(
            400,
            f"Unrecognized request argument{several} supplied: {', '.join(unknown)[:500]}",
            unknown[0][:200],
        )
    wrong = _misfit(body, fields)
    if wrong is not None:
        raise ServedError(400, f"Invalid type for '{wrong[0]}': {wrong[1]}.", wrong[0], "invalid_type")


def strict_chat(body: dict[str, Any]) -> None:
    """Raise ServedError for a chat request that a strict server refuses."""
    _openai(body, _CHAT)
    for place, name in _strangers(body.get("messages"), _CHAT_MESSAGE):
        where = f"messages[{place}].{name[:200]}"
        raise ServedError(400, f"Unknown parameter: '{where}'.", where, "unknown_parameter")


def strict_completions(body: dict[str, Any]) -> None:
    """Raise ServedError for a request for completions that a strict server refuses."""
    _openai(body, _COMPLETIONS)


def strict_responses(body: dict[str, Any]) -> None:
    """Raise ServedError for a request for a response that a strict server refuses."""
    _openai(body, _RESPONSES)


def strict_embeddings(body: dict[str, Any]) -> None:
    """Raise ServedError for a request for embeddings that a strict server refuses."""
    _openai(body, _EMBEDDINGS)


def _anthropic(body: Mapping[str, Any], fields: Fields) -> None:
    unknown = [name for name in body if name not in fields]
    unknown += [f"messages.{place}.{name}" for place, name in _strangers(body.get("messages"), _MESSAGE)]
    if unknown:
        raise ServedError(400, f"{unknown[0][:200]}: Extra inputs are not permitted")
    wrong = _misfit(body, fields)
    if wrong is not None:
        raise ServedError(400, f"{wrong[0]}: Input has a wrong type: {wrong[1]}")


def strict_messages(body: dict[str, Any]) -> None:
    """Raise ServedError for a request for a message that a strict server refuses."""
    _anthropic(body, _MESSAGES)


def strict_count(body: dict[str, Any]) -> None:
    """Raise ServedError for a request for a count of tokens that a strict server refuses."""
    _anthropic(body, _COUNT)
