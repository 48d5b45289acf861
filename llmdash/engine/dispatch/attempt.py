"""One attempt: a request that is about to be sent, and its answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from llmdash.engine.model.events import ChunkReceived, Event
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.messages import Delta, Hints, Usage
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import Prompt, said_text
from llmdash.sanitize import storable

__all__ = ["Answer", "Attempt", "GatheredAnswer", "answer_of", "expected_tokens", "prompt_tokens"]

_CHARACTERS_A_TOKEN = 4
_MOST_TOKENS = 2**31 - 1
_COUNTS = attrgetter(
    "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"
)


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


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The result of one attempt; times in seconds. With a `failure` the text is only part of an answer.

    `message` is the answer as the server's object where text alone does not say all of it (tool calls).
    `headers` are the status and those headers that are kept, a line each.
    `problem` says why the model's own class calls the answer invalid.
    """

    text: str
    finish_reason: str | None
    usage: Usage
    ttft_s: float | None
    latency_s: float
    failure: Failure | None = None
    hints: Hints | None = None
    reasoning: str = ""
    message: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()
    problem: str | None = None
    headers: str = ""

    @property
    def may_be_billed(self) -> bool:
        """True for a failure that may be paid for: the server worked on it, or may have."""
        return self.failure is not None and (self.failure.may_be_billed or self.ttft_s is not None)


def answer_of(row: ResultRow) -> Answer:
    """Return an answer on record, as far as it is judged."""
    message = json.loads(row.message) if row.message else None
    return Answer(
        text=row.text or "",
        finish_reason=row.finish_reason,
        usage=Usage(row.input_tokens or 0, row.output_tokens or 0),
        ttft_s=None,
        latency_s=0.0,
        message=message,
        flags=tuple(row.flags.split(",")) if row.flags else (),
    )


class GatheredAnswer:
    """Collects the chunks of one answer."""

    def __init__(self, job: int, clock: Callable[[], float], tell: Callable[[Event], None]) -> None:
        self._job = job
        self._clock = clock
        self._tell = tell
        self._sent_at = clock()
        self._first_at: float | None = None
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._message: dict[str, Any] | None = None
        self._flags: tuple[str, ...] = ()
        self._problem: str | None = None
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._hints: Hints | None = None
        self._headers = ""

    def add(self, delta: Delta) -> None:
        """Add one chunk. Without a time of its own it arrived now."""
        if delta.text or delta.reasoning:
            at = delta.at or self._clock()
            if self._first_at is None:
                self._first_at = at
            self._tell(ChunkReceived(self._job, delta.text, at))
            self._texts.append(delta.text)
            if delta.reasoning:
                self._thoughts.append(delta.reasoning)
        self._hints = delta.hints or self._hints
        self._headers = delta.headers or self._headers
        if delta.finish_reason:
            self._finish_reason = storable(delta.finish_reason)
        if delta.flags or delta.message:
            self._flags, self._message = delta.flags, delta.message
        if delta.info is not None and "problem" in delta.info:
            self._problem = storable(str(delta.info["problem"]))
        self._usage = _in_bounds(delta.usage) if delta.usage is not None else self._usage

    def answer(self, prompt: Prompt, failure: Failure | None) -> Answer:
        """Return the whole answer, with `failure` if it is incomplete."""
        text, reasoning = storable("".join(self._texts)), storable("".join(self._thoughts))
        return Answer(
            text=text,
            finish_reason=self._finish_reason,
            usage=self._counted(prompt, text, reasoning),
            ttft_s=None if self._first_at is None else max(0.0, self._first_at - self._sent_at),
            latency_s=self._clock() - self._sent_at,
            failure=failure,
            hints=self._hints,
            reasoning=reasoning,
            message=self._message,
            flags=self._flags,
            problem=self._problem,
            headers=storable(failure.headers if failure is not None else "") or self._headers,
        )

    def _counted(self, prompt: Prompt, text: str, reasoning: str) -> Usage:
        """What the server counted; an estimate of all that it did not."""
        usage = self._usage
        if usage is not None and usage.input_tokens:
            return usage
        asked = prompt_tokens(prompt)
        if usage is not None:
            return msgspec.structs.replace(usage, input_tokens=asked, estimated=True)
        said = len(text) + len(reasoning) + (len(str(self._message)) if self._message else 0)
        return Usage(asked, -(-said // _CHARACTERS_A_TOKEN), estimated=True)


def _in_bounds(usage: Usage) -> Usage:
    """Return `usage` clamped to counts that fit a column."""
    counts = _COUNTS(usage)
    if min(counts) >= 0 and max(counts) <= _MOST_TOKENS:
        return usage
    asked, said, *parts = (min(max(0, count), _MOST_TOKENS) for count in counts)
    return Usage(asked, said, usage.estimated, *parts)


def expected_tokens(prompt: Prompt, options: Mapping[str, Any], mean_output: float) -> int:
    """Return the tokens a request will cost: the prompt, and the longest answer requested, else 1.25 times
    `mean_output`.
    """
    limits = (options.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
    longest = next((limit for limit in limits if isinstance(limit, int)), None)
    return prompt_tokens(prompt) + (longest if longest is not None else math.ceil(mean_output * 1.25))


def model_asked(prompt: Prompt) -> str | None:
    """Return the model that a prompt names, itself or in its body; None if it names none."""
    model = prompt.options.get("model")
    if not isinstance(model, str) and prompt.body is not None:
        model = prompt.body.fields.get("model")
    return model if isinstance(model, str) else None


def prompt_tokens(prompt: Prompt) -> int:
    """Return an estimate of four characters a token."""
    return -(-sum(len(said_text(said)) for said in prompt.messages) // _CHARACTERS_A_TOKEN)
