"""Where a batch is on record, while one looks at it and another acts on it."""

from __future__ import annotations

import asyncio
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.book import BatchBook
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.batches.watcher import AT_PROVIDER
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState

OUT = BatchRecord(1, "out", "openai", "m", "k", "r0-1", "batch-1.jsonl", "", 1, 1, 1, 0.0, provider_id="b")


class SlowJournal:
    """A disk that takes its time."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    async def batch(self, record: BatchRecord, attempts: object = ()) -> None:
        await asyncio.sleep(0)
        self.rows.append(record.state)


@pytest.mark.parametrize(
    ("acted", "looked"),
    [
        (BatchState.CLOSED, BatchState.ENDED),
        (BatchState.CANCELLING, None),
    ],
)
def test_what_is_seen_of_a_batch_does_not_undo_what_is_done_with_it(
    acted: BatchState, looked: BatchState | None
) -> None:
    async def both() -> tuple[BatchState, str]:
        journal = SlowJournal()
        parts: Any = SimpleNamespace(journal=journal)
        batch = SentBatch(OUT, Path(), array("I", (0,)), None)
        await asyncio.gather(
            BatchBook(parts).put(batch, acted),
            BatchBook(parts).put(batch, looked, only_in=AT_PROVIDER, word="in_progress"),
        )
        return batch.state, journal.rows[-1]

    assert asyncio.run(both()) == (acted, acted.value)


def test_the_age_of_a_batch_is_told_by_one_clock() -> None:
    """The provider's was five hours ahead of ours, and so was the age."""
    there_s = 5 * 3_600.0
    record = OUT._replace(planned_at=1e9, created_at=1e9 + there_s, expires_at=1e9 + there_s + 86_400)
    row = batch_row(record, 1e9 + 60, left=1, ahead_s=there_s)
    assert (row.age_s, row.expires_in_s) == (60, 86_340)
    closed = record._replace(state="closed", ended_at=1e9 + there_s + 90)
    assert batch_row(closed, 1e9 + 7_200, left=0).age_s == 90
    dropped = record._replace(state="dropped", ended_at=1e9 + 30)
    assert batch_row(dropped, 1e9 + 7_200, left=0).age_s == 30
