"""Inspector: looks up one job in full, with its prompt, every attempt and its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from llmdash.engine.frames.figures import StreamFigures
from llmdash.engine.frames.said import shown, shown_answer
from llmdash.engine.journal.export_record import result_record
from llmdash.engine.model.frame import Inspection, JobRow, RequestPart
from llmdash.engine.model.records import AttemptRecord, ResultRecord, ResultRow
from llmdash.engine.pool.costs import CostOf, Tokens
from llmdash.prompts.source import InputError, Prompt

__all__ = ["Inspector", "JobRecords", "Prompts", "RequestOf", "cost_of_job"]

_FRESH_S = 0.3
_KEPT = 4
"""Jobs that are looked at at the same time, each on a screen of its own."""
_TEXTLESS = "(this run keeps no texts)"


RequestOf = Callable[[Prompt, str | None], RequestPart | None]
"""The request of a prompt with the key of that label, None where it cannot be made."""


def _no_request(_prompt: Prompt, _label: str | None) -> None:
    """Return None: nothing is sent here."""


class Prompts(Protocol):
    """Where the prompt of a job is looked up."""

    @property
    def check(self) -> str | None:
        """How answers are compared, where the input says so for all of them."""

    def prompt(self, job: int) -> Prompt:
        """Return the prompt of a job. Raises InputError with the reason if it cannot be read."""


class JobRecords(Protocol):
    """Where the rows of a job are looked up: the journal."""

    def result(self, job: int) -> ResultRow | None:
        """Return the result of a job, None if it has not ended."""

    def attempts(self, job: int) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a job, in order."""


class Inspector:
    """Looks jobs up in the journal, each at most three times a second."""

    def __init__(
        self,
        source: Prompts,
        reader: JobRecords,
        streams: StreamFigures,
        request_of: RequestOf = _no_request,
    ) -> None:
        self._source = source
        self._request_of = request_of
        self._reader = reader
        self._streams = streams
        self._last: dict[int, tuple[Inspection, float]] = {}
        """By job, each with the time it was looked up; the one that was asked for last at the end."""

    def inspect(self, job: int, row: JobRow) -> Inspection:
        """Return the current state of the job; an answer in flight is shown as far as it has arrived."""
        now = time.monotonic()
        last, looked_at = self._last.pop(job, (None, 0.0))
        if last is None or (now - looked_at >= _FRESH_S and last.row != row):
            last, looked_at = self._look_up(job, row), now
        self._last[job] = last, looked_at
        if len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]
        return last

    def _look_up(self, job: int, row: JobRow) -> Inspection:
        check, request = self._source.check, None
        try:
            prompt = self._source.prompt(job)
            messages, expected = tuple(map(shown, prompt.messages)), prompt.expected
            check, request = prompt.check or check, self._request_of(prompt, row.key)
        except InputError as error:
            messages, expected = (("user", str(error)),), None
        result = self._reader.result(job)
        if expected is None and result is not None:
            expected = result.expected
        stream = self._streams.get(job)
        answer = (result.text if result is not None else None) or (
            "".join(stream.chunks) if stream is not None else ""
        )
        if result is not None and result.state == "done" and result.text is None:
            answer = _TEXTLESS
        record = result_record(result) if result is not None else ResultRecord(job, row.id, "pending")
        return Inspection(
            row=row,
            messages=messages,
            expected=expected,
            answer=shown_answer(answer, record.message) if record.message else answer,
            record=record,
            attempts=self._reader.attempts(job),
            check=check or "",
            request=request,
        )


def cost_of_job(found: Inspection, cost_of: CostOf, batch_cost_of: CostOf) -> float | None:
    """Return the dollars for all attempts whose tokens are known; None where no price is. `batch_cost_of` has
    the prices of those in batches.
    """
    model = found.record.model if found.record is not None else None
    costs = [
        (cost_of if each.batch is None else batch_cost_of)(
            each.key,
            each.model or model or "",
            Tokens(
                each.input_tokens or 0,
                each.output_tokens or 0,
                each.cached_tokens or 0,
                each.cache_write_tokens or 0,
                each.reasoning_tokens or 0,
            ),
        )
        for each in found.attempts
        if each.input_tokens is not None
    ]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None
