"""The names that may stand in a request body, by wire format.

They are those of the published request types of OpenAI's and Anthropic's SDKs, older ones included, and of
nothing else: a row of a data set has names of its own, which are no part of a request.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PUBLISHED", "TEXT_FIELDS", "WIRES"]

_OPENAI = frozenset(
    (
        *("model", "temperature", "top_p", "stream", "stream_options", "user", "metadata", "store"),
        *("tools", "tool_choice", "parallel_tool_calls", "top_logprobs", "service_tier", "moderation"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"),
    )
)

PUBLISHED: Mapping[str, frozenset[str]] = {
    "chat": _OPENAI
    | frozenset(
        (
            *(
                "messages",
                "max_tokens",
                "max_completion_tokens",
                "stop",
                "n",
                "seed",
                "logit_bias",
                "logprobs",
            ),
            *("frequency_penalty", "presence_penalty", "response_format", "modalities", "audio"),
            *("prediction", "reasoning_effort", "verbosity", "web_search_options"),
            *("functions", "function_call"),
        )
    ),
    "completions": frozenset(
        (
            *("model", "prompt", "temperature", "top_p", "stream", "stream_options", "user", "max_tokens"),
            *("stop", "n", "best_of", "echo", "suffix", "seed", "logit_bias", "logprobs"),
            *("frequency_penalty", "presence_penalty"),
        )
    ),
    "responses": _OPENAI
    | frozenset(
        (
            *("input", "instructions", "max_output_tokens", "max_tool_calls", "reasoning", "text", "include"),
            *("truncation", "previous_response_id", "conversation", "prompt", "background"),
            *("background_options", "context_management", "access_programs", "image"),
        )
    ),
    "messages": frozenset(
        (
            *("model", "messages", "system", "max_tokens", "stop_sequences", "temperature", "top_p", "top_k"),
            *("stream", "metadata", "tools", "tool_choice", "thinking", "service_tier", "cache_control"),
            *("container", "context_management", "mcp_servers", "output_config", "output_format", "betas"),
            *("inference_geo", "speed", "diagnostics", "billing_policy", "compaction", "thread"),
            *("fallbacks", "fallback_credit_token", "user_profile_id", "workspace_id"),
        )
    ),
}
"""The request fields of each wire format."""

WIRES = tuple(PUBLISHED)

TEXT_FIELDS = frozenset(
    (
        *("model", "user", "prompt", "suffix", "instructions", "system", "previous_response_id", "stop"),
        *("prompt_cache_key", "safety_identifier", "service_tier", "reasoning_effort", "verbosity"),
        *(
            "prompt_cache_retention",
            "inference_geo",
            "truncation",
            "user_profile_id",
            "workspace_id",
            "speed",
        ),
        *("fallback_credit_token",),
    )
)
"""Fields whose value is text: in a table, `007` is one too, and no number."""
