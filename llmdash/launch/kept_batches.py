"""The batches of kept runs, by their journals: where they were left, and what came back has cost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmdash.config.prices import load_prices
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.amounts import parts_of
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.lean_dataclass import dataclass
from llmdash.reports.batches import batch_record
from llmdash.runs.catalogue import run_folders, title_of

__all__ = ["BatchesOfRun", "as_records", "batches_of", "runs_with_open_batches"]


@dataclass(frozen=True, slots=True)
class BatchesOfRun:
    """The batches of the run in `folder`, which is called `title`: not safe to show. The cost of those
    numbered in `at_most` is at the price of single requests, since no other is known.
    """

    folder: Path
    title: str
    rows: tuple[BatchRow, ...]
    at_most: frozenset[int] = frozenset()

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
    costs, at_most = _costs(reader, records)
    rows = (
        batch_row(each, now, left=lent.get(each.batch, 0), cost=costs.get(each.batch)) for each in records
    )
    return BatchesOfRun(folder, title_of(folder), tuple(rows), frozenset(at_most))


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
            "cost_is_most": row.batch in found.at_most,
            "model": row.model,
            "word": row.word,
            "left": row.left,
            "age_s": round(row.age_s, 1),
            "expires_in_s": None if row.expires_in_s is None else round(row.expires_in_s, 1),
            "detail": row.detail,
        }


def _costs(reader: JournalReader, records: Sequence[BatchRecord]) -> tuple[dict[int, float], set[int]]:
    """The dollars of each batch that has a price, and the batches whose model has none for batches."""
    facts = reader.facts()
    if facts.get("simulator"):
        return {}, set()
    prices, places = load_prices(), _places(facts)
    endpoints = {each.batch: each.endpoint for each in records}
    costs: dict[int, float] = {}
    unpriced, at_most = set(), set()
    for batch, _, model, tokens, long in reader.batches.spent():
        place = places.get(endpoints.get(batch, ""))
        dollars = prices.cost(model, tokens, place, in_batch=True, parts=parts_of(tokens[0], long))
        if dollars is None:
            unpriced.add(batch)
            continue
        costs[batch] = costs.get(batch, 0.0) + dollars
        if not prices.has_batch_price(model, place):
            at_most.add(batch)
    return {batch: cost for batch, cost in costs.items() if batch not in unpriced}, at_most


def _places(facts: Mapping[str, Any]) -> dict[str, str]:
    """The base URL of each endpoint on record."""
    try:
        endpoints = json.loads(facts.get("decided") or "{}").get("endpoints", ())
        return {str(each["name"]): str(each["base_url"]) for each in endpoints}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
