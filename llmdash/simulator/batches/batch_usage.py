"""The tokens that a batch has used, summed up from its answers in any dialect."""

from __future__ import annotations

import msgspec

__all__ = ["BatchUsage"]


class _Details(msgspec.Struct):
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


_answers = msgspec.json.Decoder(_Answer)
_NONE = _Details()


class BatchUsage(msgspec.Struct):
    """Tokens; `input` includes those read from a cache, and written to it."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0

    def add(self, body: bytes) -> None:
        """Add those of an answer; one without a usage that can be read has none."""
        try:
            usage = _answers.decode(body).usage
        except msgspec.MsgspecError:
            return
        if usage is None:
            return
        into = usage.prompt_tokens_details or usage.input_tokens_details or _NONE
        out = usage.completion_tokens_details or usage.output_tokens_details or _NONE
        kept = usage.cache_read_input_tokens
        self.input += usage.prompt_tokens + usage.input_tokens + kept + usage.cache_creation_input_tokens
        self.output += usage.completion_tokens + usage.output_tokens
        self.cached += into.cached_tokens + kept
        self.reasoning += out.reasoning_tokens
