"""The rows of the journal that a settled attempt, and a settled job, become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from llmdash.engine.dispatch.answer_rules import INVALID
from llmdash.engine.dispatch.attempt import Answer, Attempt, model_asked
from llmdash.engine.dispatch.sameness import prompt_hash
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import Prompt
from llmdash.prompts.verdict import Verdict
from llmdash.sanitize import storable

__all__ = [
    "REUSED",
    "Hashes",
    "answered_record",
    "done_row",
    "failed_record",
    "failed_row",
    "invalid_row",
    "model_of",
    "own_model",
    "refused_record",
    "reported",
    "reused_row",
    "written",
]

REUSED = "reused"
"""The flag of an answer that was taken, not asked for."""


class Hashes(NamedTuple):
    """What a prompt and a request are found by in other runs (16 bytes each)."""

    prompt: bytes | None = None
    request: bytes | None = None


NO_HASHES = Hashes()


def done_row(
    attempt: Attempt,
    prompt: Prompt,
    answer: Answer,
    verdict: Verdict,
    model: str,
    wait_s: float | None = None,
    hashes: Hashes = NO_HASHES,
    ended_at: float | None = None,
) -> ResultRow:
    """Return the result of a job that was answered by `model`; its answer was known at `ended_at`."""
    usage, member = answer.usage, attempt.member
    return ResultRow(
        job=attempt.job,
        id=storable(prompt.id),
        state="done",
        text=answer.text,
        expected=storable(prompt.expected) if prompt.expected is not None else None,
        verdict=verdict,
        key=member.label,
        attempts=attempt.record.attempt,
        ttft_s=_first_token(attempt.record, answer) if _is_streamed(attempt) else None,
        latency_s=_latency(attempt.record, answer),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        estimated=usage.estimated,
        finish_reason=answer.finish_reason,
        endpoint=member.endpoint.name,
        model=model,
        flags=",".join(answer.flags) if answer.flags else None,
        message=written(answer.message),
        reasoning=answer.reasoning or None,
        input=written(prompt.carried),
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        wait_s=wait_s,
        worker=attempt.record.worker,
        prompt_hash=hashes.prompt,
        request_hash=hashes.request,
        ended_at=ended_at,
    )


def _first_token(record: AttemptRecord, answer: Answer) -> float | None:
    """Seconds to the first token; None without any, and in a batch, where they are not known."""
    return answer.ttft_s if record.batch is None else None


def _latency(record: AttemptRecord, answer: Answer) -> float | None:
    """Seconds to the whole answer; None in a batch, where they are not known."""
    return answer.latency_s if record.batch is None else None


def _is_streamed(attempt: Attempt) -> bool:
    """False where the answer is fetched whole: what came first is then no first token."""
    return bool(getattr(attempt.member.llm, "streaming", True))


def invalid_row(
    attempt: Attempt,
    prompt: Prompt,
    answer: Answer,
    problem: str,
    model: str,
    hashes: Hashes = NO_HASHES,
) -> ResultRow:
    """Return the result of a job whose answer breaks its schema; it is no right answer, whatever it says."""
    verdict = Verdict.UNSCORED if prompt.expected is None else Verdict.NOT_PARSEABLE
    row = done_row(attempt, prompt, answer, verdict, model, hashes=hashes)
    flags = dict.fromkeys((*answer.flags, INVALID))
    return row._replace(state=INVALID, error=problem, flags=",".join(flags))


def reused_row(job: int, prompt: Prompt, found: ResultRow, verdict: Verdict) -> ResultRow:
    """Return the result of a job that takes the answer of another: no attempt was made, nothing was spent."""
    return found._replace(
        job=job,
        id=storable(prompt.id),
        expected=storable(prompt.expected) if prompt.expected is not None else None,
        verdict=verdict,
        key=None,
        attempts=0,
        ttft_s=None,
        latency_s=None,
        error=None,
        flags=",".join(dict.fromkeys((*(found.flags or "").split(","), REUSED))).lstrip(","),
        input=written(prompt.carried),
        wait_s=None,
        worker=None,
        ended_at=None,
        prompt_hash=prompt_hash(prompt),
    )


def failed_row(attempt: Attempt, prompt: Prompt, text: str) -> ResultRow:
    """Return the result of a job that failed with this attempt; `text` says why."""
    member = attempt.member
    return ResultRow(
        job=attempt.job,
        id=storable(prompt.id),
        state="failed",
        key=member.label,
        attempts=attempt.record.attempt,
        error=text,
        endpoint=member.endpoint.name,
        model=model_of(attempt, prompt),
        input=written(prompt.carried),
        worker=attempt.record.worker,
    )


def answered_record(
    record: AttemptRecord, answer: Answer, model: str, ended_at: float | None
) -> AttemptRecord:
    """Return the row of an attempt that was answered."""
    usage = answer.usage
    return AttemptRecord(
        record.job,
        record.attempt,
        record.key,
        "ok",
        record.sent_at,
        ttft_s=_first_token(record, answer),
        latency_s=_latency(record, answer),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        estimated=usage.estimated,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        model=model,
        worker=record.worker,
        ended_at=ended_at,
        headers=answer.headers or None,
        batch=record.batch,
    )


def _with_usage(record: AttemptRecord, usage: Usage, model: str) -> AttemptRecord:
    return record._replace(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        estimated=usage.estimated,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        model=model,
    )


def refused_record(
    record: AttemptRecord, answer: Answer, model: str, ended_at: float | None, problem: str
) -> AttemptRecord:
    """Return the row of an attempt whose answer was not accepted: it failed, and has to be paid for."""
    answered = answered_record(record, answer, model, ended_at)
    return answered._replace(state="failed", failure=INVALID, message=problem, partial=answer.text or None)


def failed_record(
    record: AttemptRecord, failure: Failure, answer: Answer, text: str, model: str, ended_at: float | None
) -> AttemptRecord:
    """Return the row of an attempt that failed; `text` says why."""
    usage = reported(answer)
    if usage is not None:
        record = _with_usage(record, usage, model)
    return record._replace(
        state="failed",
        failure=failure.kind.value,
        status=failure.status,
        message=text,
        request_id=storable(failure.request_id) if failure.request_id is not None else None,
        retry_after_s=failure.retry_after,
        ttft_s=_first_token(record, answer),
        latency_s=_latency(record, answer),
        partial=answer.text or None,
        code=storable(failure.code) if failure.code is not None else None,
        ended_at=ended_at,
        headers=answer.headers or None,
    )


def reported(answer: Answer) -> Usage | None:
    """Return what the server counted, which may be to pay for without an answer; None if it said nothing."""
    return None if answer.usage.estimated else answer.usage


def model_of(attempt: Attempt, prompt: Prompt) -> str:
    """Return the model that is asked for: the prompt's own, else that of the endpoint."""
    return own_model(prompt) or attempt.member.llm.model


def own_model(prompt: Prompt) -> str | None:
    """Return the model that the prompt names, None if it names none."""
    own = model_asked(prompt)
    return storable(own) if own is not None else None


def written(value: Mapping[str, Any] | None) -> str | None:
    """An object as JSON for the journal, None for one without fields."""
    return storable(json.dumps(value, ensure_ascii=False)) if value else None
