"""The records of a run: the rows of its journal, and the exported record of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.verdict import Verdict

__all__ = [
    "AnswerTimesRow",
    "AttemptRecord",
    "BatchRecord",
    "EndedColumns",
    "FailedResult",
    "FailedTry",
    "HealthRecord",
    "MomentRow",
    "ResultRecord",
    "ResultRow",
    "SampleRow",
    "TimedColumns",
]


class AttemptRecord(NamedTuple):
    """A row of `attempts`.

    `state` is sent, ok, failed, cut or unsent (cancelled in flight, or before), unknown (the process died),
    batched (in the `batch` of this number, which the provider has or will have; not asked before it says so).
    `worker` is None for an attempt that this process makes itself. `ended_at` is when its outcome was known,
    in Unix seconds. `headers` are the status of its response and the headers that are kept, a line each.
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
    ended_at: float | None = None
    headers: str | None = None
    batch: int | None = None


class BatchRecord(NamedTuple):
    """A row of `batches`: requests of one model, sent together with one key to a provider's batch service.

    `state` is the value of a BatchState. `name` is what the provider is told, `file` that of its requests in
    the folder of the run, with its `sha` (SHA-256 in hex) and size. `tokens` are an estimate of all prompts.
    `file_id` and `provider_id` are the provider's own. Times are Unix seconds: `creating_at` is when it was
    about to be created, `created_at` and `expires_at` are by the provider's clock. `word` is the provider's
    word for its state, `done` and `failed` its counts, None where it tells none. `detail` says why it waits
    or has ended.
    """

    batch: int
    state: str
    endpoint: str
    model: str
    key: str
    name: str
    file: str
    sha: str
    bytes: int
    jobs: int
    tokens: int
    planned_at: float
    file_id: str | None = None
    creating_at: float | None = None
    provider_id: str | None = None
    created_at: float | None = None
    expires_at: float | None = None
    ended_at: float | None = None
    word: str | None = None
    done: int | None = None
    failed: int | None = None
    expired: int | None = None
    cancel_at: float | None = None
    detail: str | None = None


class ResultRow(NamedTuple):
    """A row of `results`. `state` is done, invalid (an answer that breaks its schema), failed or cancelled.

    `message` and `input` (the carried fields of the prompt) are JSON, `flags` are joined by commas.
    `endpoint` and `model` are those that gave the answer, or failed last. `wait_s` is the time the job was
    with a worker and not sent. `ended_at` is when the job ended, in Unix seconds. `prompt_hash` (16 bytes) is
    the same for the same prompt, `request_hash` for the same request to the same model at the same place.
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
    ended_at: float | None = None
    prompt_hash: bytes | None = None
    request_hash: bytes | None = None


class EndedColumns(NamedTuple):
    """Rows of `results` as columns, without their texts: a value a row in each."""

    job: tuple[int, ...]
    id: tuple[str, ...]
    state: tuple[str, ...]
    verdict: tuple[int, ...]
    key: tuple[str | None, ...]
    attempts: tuple[int, ...]
    ttft_s: tuple[float | None, ...]
    latency_s: tuple[float | None, ...]
    input_tokens: tuple[int | None, ...]
    output_tokens: tuple[int | None, ...]
    estimated: tuple[bool | None, ...]
    error: tuple[str | None, ...]
    endpoint: tuple[str | None, ...]
    flags: tuple[str | None, ...]
    wait_s: tuple[float | None, ...]
    worker: tuple[str | None, ...]
    ended_at: tuple[float | None, ...]
    model: tuple[str | None, ...]


class AnswerTimesRow(NamedTuple):
    """When an answer was complete (Unix seconds), and what its row in `results` says of its times."""

    ended_at: float
    ttft_s: float | None
    latency_s: float
    output_tokens: int | None
    wait_s: float | None


class TimedColumns(NamedTuple):
    """Rows of `attempts` as columns, with when each was sent, ended and began to be answered (Unix seconds,
    None where that is not known); `is_guessed` is 1 where the end follows from the latency. One that is in a
    batch still has no end.
    """

    job: tuple[int, ...]
    attempt: tuple[int, ...]
    key: tuple[str, ...]
    state: tuple[str, ...]
    failure: tuple[str | None, ...]
    message: tuple[str, ...]
    worker: tuple[str, ...]
    sent: tuple[float, ...]
    ended: tuple[float | None, ...]
    first_token: tuple[float | None, ...]
    is_guessed: tuple[int, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    cached: tuple[int, ...]
    reasoning: tuple[int, ...]
    status: tuple[int | None, ...]
    code: tuple[str | None, ...]
    batch: tuple[int | None, ...]


class FailedTry(NamedTuple):
    """What a row of `attempts` says of an attempt that failed; `at` is when it ended, in Unix seconds."""

    job: int
    key: str
    failure: str | None
    status: int | None
    code: str | None
    message: str
    at: float
    latency_s: float | None = None
    """Seconds from sending it to its failure."""


class FailedResult(NamedTuple):
    """What a row of `results` says of a job that failed, or has an invalid answer; `at` is when it ended, in
    Unix seconds, None if that is not known.
    """

    job: int
    state: str
    error: str
    at: float | None


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


class SampleRow(NamedTuple):
    """A row of `samples`: what happened since the row before it, and how things stood at its end.

    `at` is that end in Unix seconds, `active_s` on the clock of the run. `sent`, `tokens` (of the output) and
    `throttled` (rate limits, 429) are counts, the percentiles those of the first tokens; None where there was
    none. `rate` is None where no limit was set; `binding` is the value of a Binding; `cost` is in dollars.
    """

    at: float
    active_s: float
    sent: int = 0
    tokens: int = 0
    in_flight: float = 0.0
    throttled: int = 0
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    rate: float | None = None
    concurrency: int | None = None
    binding: str | None = None
    cost: float | None = None


class MomentRow(NamedTuple):
    """A row of `moments`: something that was set or happened `at` a time, in Unix seconds.

    | kind | subject | value |
    |---|---|---|
    | `begun` | | seconds at work before this start |
    | `ended` | the name of an Ending in lower case | seconds at work |
    | `work` | `on` or `off`, as its clock runs or stands | seconds at work |
    | `rate` | | requests a second; `null` for no limit |
    | `concurrency` | | requests in flight at most |
    | `state` | the name of a RunState in lower case | why |
    | `key`, `endpoint`, `worker` | its label or name | the name of its state in lower case, a space, why |
    | `errors` | what a burst of failures has in common | their number, seconds since its begin, its length |
    | `notice` | its severity | its text |
    """

    at: float
    kind: str
    subject: str | None = None
    value: str | None = None


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
    """What is odd about the answer: `empty`, `reasoning_only`, `length`, `eof`, `invalid`, `finish:NAME`;
    and whether it was `reused`: known before, and not asked for."""
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
