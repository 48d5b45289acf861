"""A job's final record, as results are exported: one a job, one line of `results.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ResultRecord"]


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """The final state of one job. A value that is not known, or does not apply, is None."""

    index: int
    """The job's place in the input, counted from 0."""
    id: str
    state: str
    """`done`, `failed`, `cancelled` or `pending`."""
    text: str | None = None
    """The whole answer, exactly as it came; never a part of one."""
    expected: str | None = None
    correct: bool | None = None
    """Whether the answer says what was expected; None where nothing was."""
    key: str | None = None
    """The label of the key that answered, or failed, last."""
    attempts: int = 0
    ttft_s: float | None = None
    latency_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    error: str | None = None
    status: int | None = None
    """The HTTP status of the last attempt, if it was answered."""
    request_id: str | None = None
    """The server's id of the last attempt."""
    model: str | None = None
    """The model that was asked."""
    sent_at: float | None = None
    """When the last attempt was sent, in Unix seconds."""
