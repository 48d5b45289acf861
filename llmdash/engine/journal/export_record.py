"""A result of the journal as exports show it."""

from __future__ import annotations

import json
from typing import Any

from llmdash.engine.model.records import ResultRecord, ResultRow
from llmdash.prompts.verdict import Verdict

__all__ = ["microseconds", "result_record"]


def result_record(
    row: ResultRow,
    model: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
    sent_at: float | None = None,
    code: str | None = None,
) -> ResultRecord:
    """Return a result as exports show it, with what its last attempt adds."""
    verdict = Verdict(row.verdict)
    return ResultRecord(
        index=row.job,
        id=row.id,
        state=row.state,
        text=row.text,
        expected=row.expected,
        correct=None if verdict is Verdict.UNSCORED else verdict is Verdict.RIGHT,
        key=row.key,
        attempts=row.attempts,
        ttft_s=microseconds(row.ttft_s),
        latency_s=microseconds(row.latency_s),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        estimated=None if row.estimated is None else bool(row.estimated),
        finish_reason=row.finish_reason,
        error=row.error,
        status=status,
        request_id=request_id,
        model=row.model or model,
        sent_at=microseconds(sent_at),
        endpoint=row.endpoint,
        flags=tuple(row.flags.split(",")) if row.flags else (),
        message=_object(row.message),
        reasoning=row.reasoning,
        input=_object(row.input),
        cached_tokens=row.cached_tokens,
        reasoning_tokens=row.reasoning_tokens,
        code=code,
        worker=row.worker,
    )


def _object(text: str | None) -> dict[str, Any] | None:
    """A column of JSON; None for one that is damaged: doctor names it."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def microseconds(seconds: float | None) -> float | None:
    """Return seconds without the digits that no clock measures."""
    return None if seconds is None else round(seconds, 6)
