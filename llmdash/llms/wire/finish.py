"""What finish reasons mean: which close an answer, which say that it failed, and what an empty answer is."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.llms.wire.surrogates import whole_pairs

__all__ = ["END", "TROUBLE", "broken_off", "flags_of", "key_of", "said_reason"]

_LENGTH = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
)
_FILTER = frozenset(
    {
        "content_filter",
        "content_filtered",
        "refusal",
        "safety",
        "sensitive",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "error_toxic",
    }
)
END = (
    frozenset(
        {
            "stop",
            "end",
            "end_turn",
            "stop_sequence",
            "eos",
            "eos_token",
            "complete",
            "completed",
            "tool_call",
            "tool_calls",
            "tool_use",
            "function_call",
        }
    )
    | _LENGTH
    | _FILTER
)
"""Finish reasons that close an answer, in the words of many servers."""

TROUBLE = frozenset(
    {
        "error",
        "abort",
        "aborted",
        "cancel",
        "canceled",
        "cancelled",
        "failed",
        "network_error",
        "internal_error",
        "internal_server_error",
        "server_error",
        "timeout",
        "engine_overloaded",
        "overloaded",
        "insufficient_system_resource",
    }
)
"""Finish reasons by which a server says that it did not get to the end of the answer."""

_NOTHING = ("", "null", "none")
_SHOWN = 50
_READ = 500


def said_reason(value: Any, redact: Callable[[str], str]) -> str | None:
    """Return the finish reason as the server has it, fit to be shown; None where it says nothing: null,
    `"null"`, no text.
    """
    if not isinstance(value, str):
        return None
    if value in END:
        return value
    text = redact(whole_pairs(value[:_READ]))
    shown = "".join(char if char.isprintable() else " " for char in text).strip()[:_SHOWN]
    return None if shown.lower() in _NOTHING else shown


@lru_cache(maxsize=64)
def key_of(reason: str) -> str:
    """Return a finish reason as END and TROUBLE have it: `STOP`, `tool-calls` are `stop`, `tool_calls`."""
    return reason.lower().replace("-", "_").replace(" ", "_")


def flags_of(reason: str | None, *, answered: bool, thought: bool) -> tuple[str, ...]:
    """Return what is odd about a complete answer.

    `answered` says whether there is any text, tool call or other content, `thought` whether there is
    reasoning. Raises Failure (REQUEST) where a filter left nothing.
    """
    key = None if reason is None else key_of(reason)
    if not answered and key in _FILTER:
        raise _filtered(reason)
    flags = () if answered else ("reasoning_only",) if thought else ("empty",)
    if key in _LENGTH:
        return (*flags, "length")
    return flags if key is None or key in END else (*flags, f"finish:{reason}")


def _filtered(reason: str | None) -> Failure:
    return Failure(
        FailureKind.REQUEST,
        f"a content filter left nothing of the answer (finish reason {reason})",
        status=200,
        code="content_filter",
        names_request=True,
        of_content=True,
    )


def broken_off(reason: str) -> Failure:
    """Return the Failure for an answer that the server itself marks as failed."""
    words = f"the server broke the answer off (finish reason {reason})"
    return Failure(FailureKind.TRANSIENT, words, status=200)
