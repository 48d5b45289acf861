"""The rows of jobs in batches: each says where its batch is, and for how long it has been on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmdash.engine.model.frame import BatchRow, JobRow, JobsPart
from llmdash.engine.model.states import JobState
from llmdash.ui.text.batch_words import detail_of_job

__all__ = ["with_batches"]


def with_batches(part: JobsPart, batches: Sequence[BatchRow]) -> JobsPart:
    """Return the part with what is known of the batches of its rows; in whole seconds, so that a row changes
    no more often than it looks different.
    """
    if not any(row.state is JobState.BATCHED for row in part.rows):
        return part
    by_number = {each.batch: each for each in batches}
    return replace(part, rows=tuple(_row(row, by_number.get(row.batch)) for row in part.rows))


def _row(row: JobRow, batch: BatchRow | None) -> JobRow:
    if row.state is not JobState.BATCHED:
        return row
    text = replace(row.text, preview=detail_of_job(batch))
    if batch is None:
        return replace(row, text=text)
    return replace(row, text=text, key=batch.key, wait_s=float(int(batch.age_s)))
