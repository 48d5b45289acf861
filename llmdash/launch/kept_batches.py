"""The batches of kept runs, by their journals: where they were left, and what came back has cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmdash.engine.batches.costs import batch_costs
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.engine.pool.costs import NO_PRICES, with_marks
from llmdash.launch.kept_prices import kept_prices
from llmdash.lean_dataclass import dataclass
from llmdash.reports.batches import batch_record
from llmdash.runs.catalogue import run_folders, title_of
from llmdash.runs.facts import key_labels

__all__ = ["BatchesOfRun", "as_records", "batches_of", "runs_with_open_batches"]


@dataclass(frozen=True, slots=True)
class BatchesOfRun:
    """The batches of the run in `folder`, which is called `title`: not safe to show."""

    folder: Path
    title: str
    rows: tuple[BatchRow, ...]

    @property
    def are_open(self) -> bool:
        """True if jobs may be with a provider."""
        return any(row.state.is_open for row in self.rows)


def batches_of(folder: Path) -> BatchesOfRun:
    """Return the batches of a run as they are on record. Raises JournalError, ConfigError for a price."""
    reader, now = JournalReader(folder), time.time()
    records = reader.batches.records()
    if not records:
        return BatchesOfRun(folder, title_of(folder), ())
    lent = {number: len(jobs) for number, jobs in reader.batches.jobs().items()}
    facts = reader.facts()
    prices = kept_prices(reader, facts)
    costs = {} if prices is None else batch_costs(reader, key_labels(facts, ()), prices.in_batch)
    has_price = NO_PRICES.has_batch_price if prices is None else prices.has_batch_price
    rows = [
        batch_row(each, now, left=lent.get(each.batch, 0), cost=costs.get(each.batch)) for each in records
    ]
    return BatchesOfRun(folder, title_of(folder), tuple(with_marks(rows, has_price)))


def runs_with_open_batches() -> Iterator[BatchesOfRun]:
    """Yield the kept runs of which batches are open, the newest first. Raises StorageError."""
    for folder in run_folders():
        try:
            if any(BatchState(each.state).is_open for each in JournalReader(folder).batches.records()):
                yield batches_of(folder)
        except (JournalError, ValueError):
            continue  # a damaged one: the list of runs says so


def as_records(found: BatchesOfRun) -> Iterator[dict[str, Any]]:
    """Yield an object for each batch of a run, as the summary has it, and what else a list shows."""
    for row in found.rows:
        yield {
            "run": found.folder.name,
            **batch_record(row),
            "model": row.model,
            "word": row.word,
            "left": row.left,
            "age_s": round(row.age_s, 1),
            "expires_in_s": None if row.expires_in_s is None else round(row.expires_in_s, 1),
            "detail": row.detail,
        }
