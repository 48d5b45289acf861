"""The columns of a table of results."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "COLUMNS"]

ATTRIBUTES = {
    "index": "index",
    "id": "id",
    "state": "state",
    "text": "text",
    "expected": "expected",
    "correct": "correct",
    "key": "key",
    "attempts": "attempts",
    "ttft_s": "ttft_s",
    "latency_s": "latency_s",
    "usage_input_tokens": "input_tokens",
    "usage_output_tokens": "output_tokens",
    "usage_cached_tokens": "cached_tokens",
    "usage_reasoning_tokens": "reasoning_tokens",
    "usage_estimated": "estimated",
    "finish_reason": "finish_reason",
    "error": "error",
    "model": "model",
    "endpoint": "endpoint",
}
"""The attribute of a record that is in each column."""

COLUMNS = (*ATTRIBUTES, "flags", "message")
"""The columns of any table of results, with `usage` flattened; those of carried fields follow."""
