"""The records of a run: the rows of its journal, and the exported record of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from llmdash.prompts.verdict import Verdict

__all__ = ["AttemptRecord", "HealthRecord", "ResultRecord", "ResultRow"]


class AttemptRecord(NamedTuple):
    """A row of `attempts`.

    `state` is sent, ok, failed, cut or unsent (cancelled in flight, or before), unknown (the process died).
    `worker` is None for an attempt that this process makes itself.
    """

    job: int
    attempt: int
    key: str
    state: str
    sent_at: float
    failure: str | None = None
    status: int | None = None
    message: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None
    ttft_s: float | None = None
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool | None = None
    partial: str | None = None
    code: str | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    model: str | None = None
    worker: str | None = None


class ResultRow(NamedTuple):
    """A row of `results`. `state` is done, invalid (an answer that breaks its schema), failed or cancelled.

    `message` and `input` (the carried fields of the prompt) are JSON, `flags` are joined by commas.
    `endpoint` and `model` are those that gave the answer, or failed last. `wait_s` is the time the job was
    with a worker and not sent.
    """

    job: int
    id: str
    state: str
    text: str | None = None
    expected: str | None = None
    verdict: int = Verdict.UNSCORED
    key: str | None = None
    attempts: int = 0
    ttft_s: float | None = None
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool | None = None
    finish_reason: str | None = None
    error: str | None = None
    endpoint: str | None = None
    model: str | None = None
    flags: str | None = None
    message: str | None = None
    reasoning: str | None = None
    input: str | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    wait_s: float | None = None
    worker: str | None = None


class HealthRecord(NamedTuple):
    """A row of `health`: the state of a key `at` a wall-clock time, and how long it had to rest then.

    `state` is the name of a KeyState in lower case, `times` how often in a row the key got into it.
    """

    key: str
    state: str
    at: float
    rests_s: float
    detail: str
    times: int


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """The final state of one job. A value that is not known, or does not apply, is None."""

    index: int
    """The job's place in the input, counted from 0."""
    id: str
    state: str
    """`done`, `invalid`, `failed`, `cancelled` or `pending`."""
    text: str | None = None
    """The whole answer, exactly as received; never a part of one."""
    expected: str | None = None
    correct: bool | None = None
    """Whether the answer is the expected one; None if none was expected."""
    key: str | None = None
    """The label of the key of the last attempt."""
    attempts: int = 0
    ttft_s: float | None = None
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool | None = None
    """Whether the tokens are estimated, because the server did not count them."""
    finish_reason: str | None = None
    error: str | None = None
    status: int | None = None
    """The HTTP status of the last attempt, if it was answered."""
    request_id: str | None = None
    """The server's id of the last attempt."""
    model: str | None = None
    """The model of the last attempt."""
    endpoint: str | None = None
    """The name of the endpoint of the last attempt."""
    flags: tuple[str, ...] = ()
    """What is odd about the answer: `empty`, `reasoning_only`, `length`, `eof`, `invalid`, `finish:NAME`."""
    message: Mapping[str, Any] | None = None
    """The answer as the object the server sent, where text alone does not say all of it."""
    reasoning: str | None = None
    input: Mapping[str, Any] | None = None
    """The fields of the input record that were carried through."""
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    code: str | None = None
    """The server's error code of the last attempt, if it failed."""
    sent_at: float | None = None
    """When the last attempt was sent, in Unix seconds."""
    worker: str | None = None
    """The name of the worker that made the last attempt; None if this process did."""
