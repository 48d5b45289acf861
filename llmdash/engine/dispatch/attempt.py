"""One attempt: a request that is about to be sent, and its answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from llmdash.engine.model.events import ChunkReceived, Event
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.messages import Delta, Hints, Usage
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import Prompt
from llmdash.sanitize import storable

__all__ = ["Answer", "Attempt", "GatheredAnswer", "expected_tokens"]

_CHARACTERS_A_TOKEN = 4
_MOST_TOKENS = 2**31 - 1


class Attempt(NamedTuple):
    """A request: the lease of its key, and its row in the journal."""

    lease: Lease
    record: AttemptRecord

    @property
    def member(self) -> Member:
        return self.lease.member

    @property
    def job(self) -> int:
        return self.record.job


class Answer(msgspec.Struct, frozen=True):
    """The result of one attempt; times in seconds. With a `failure` the text is only part of an answer."""

    text: str
    finish_reason: str | None
    usage: Usage
    ttft_s: float | None
    latency_s: float
    failure: Failure | None = None
    hints: Hints | None = None


class GatheredAnswer:
    """Collects the chunks of one answer."""

    def __init__(self, job: int, clock: Callable[[], float], tell: Callable[[Event], None]) -> None:
        self._job = job
        self._clock = clock
        self._tell = tell
        self._sent_at = clock()
        self._first_at: float | None = None
        self._texts: list[str] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._hints: Hints | None = None

    def add(self, delta: Delta) -> None:
        """Add one chunk. Without a time of its own it arrived now."""
        if delta.text or delta.reasoning:
            at = delta.at or self._clock()
            if self._first_at is None:
                self._first_at = at
            self._tell(ChunkReceived(self._job, delta.text, at))
            self._texts.append(delta.text)
        self._hints = delta.hints or self._hints
        if delta.finish_reason:
            self._finish_reason = storable(delta.finish_reason)
        self._usage = _in_bounds(delta.usage) if delta.usage is not None else self._usage

    def answer(self, prompt: Prompt, failure: Failure | None) -> Answer:
        """Return the whole answer, with `failure` if it is incomplete."""
        text = storable("".join(self._texts))
        return Answer(
            text=text,
            finish_reason=self._finish_reason,
            usage=self._usage or _estimated(prompt, text),
            ttft_s=None if self._first_at is None else max(0.0, self._first_at - self._sent_at),
            latency_s=self._clock() - self._sent_at,
            failure=failure,
            hints=self._hints,
        )


def _in_bounds(usage: Usage) -> Usage:
    """Return `usage` clamped to counts that fit a column."""
    if 0 <= usage.input_tokens <= _MOST_TOKENS and 0 <= usage.output_tokens <= _MOST_TOKENS:
        return usage
    return Usage(
        min(max(0, usage.input_tokens), _MOST_TOKENS),
        min(max(0, usage.output_tokens), _MOST_TOKENS),
        usage.estimated,
    )


def expected_tokens(prompt: Prompt, options: Mapping[str, Any], mean_output: float) -> int:
    """Return the tokens a request will cost: the prompt, and the longest answer requested, else 1.25 times
    `mean_output`.
    """
    limits = (options.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
    longest = next((limit for limit in limits if isinstance(limit, int)), None)
    return _prompt_tokens(prompt) + (longest if longest is not None else math.ceil(mean_output * 1.25))


def _estimated(prompt: Prompt, text: str) -> Usage:
    """Return an estimate for servers that do not report usage."""
    return Usage(_prompt_tokens(prompt), -(-len(text) // _CHARACTERS_A_TOKEN), estimated=True)


def _prompt_tokens(prompt: Prompt) -> int:
    """Return an estimate of four characters a token."""
    return -(-sum(len(content) for _, content in prompt.messages) // _CHARACTERS_A_TOKEN)
