"""RunBatches: the batches of a run, by their numbers: those on record, and those that were planned since."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.carriers import Carriers
from llmdash.engine.batches.costs import batch_costs
from llmdash.engine.batches.lending import Lending
from llmdash.engine.batches.rows import batch_row
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.engine.pool.costs import CostOf

__all__ = ["RunBatches"]


class RunBatches:
    """Every batch of a run; those that are closed stay. `wall_clock` is Unix time in seconds."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._batches: dict[int, SentBatch] = {}

    def all(self) -> Sequence[SentBatch]:
        """Return every batch; any thread may ask."""
        return tuple(self._batches.values())

    @property
    def open(self) -> Sequence[SentBatch]:
        """Those that jobs may be with."""
        return [each for each in self._batches.values() if each.state.is_open]

    @property
    def are_out(self) -> bool:
        """True if every open one is with a provider."""
        return all(
            each.record.provider_id is not None and each.state is not BatchState.ENDED for each in self.open
        )

    @property
    def next_number(self) -> int:
        """The number of the next one."""
        return max(self._batches, default=0) + 1

    def add(self, batch: SentBatch) -> None:
        """Add one that was planned."""
        self._batches[batch.number] = batch

    def open_one(self, number: int) -> SentBatch:
        """Return an open one. Raises ValueError if this is none."""
        batch = self._batches.get(number)
        if batch is None or not batch.state.is_open:
            raise ValueError(f"there is no batch {number} that is open")
        return batch

    def sizes_at(self, endpoint: str) -> set[int]:
        """Return how many requests each of the open ones at an endpoint has."""
        return {each.record.jobs for each in self.open if each.record.endpoint == endpoint}

    def rows(self) -> tuple[BatchRow, ...]:
        """Return them as a frame shows them; any thread may ask."""
        now = self._wall_clock()
        return tuple(
            batch_row(
                each.record,
                now,
                left=each.left,
                cost=each.dollars,
                waits_for=each.waits_for,
                ahead_s=each.ahead_s,
            )
            for each in self.all()
        )

    def restore(
        self, reader: JournalReader, folder: Path, carriers: Carriers, lending: Lending, cost_of: CostOf
    ) -> None:
        """Take up those on record, with the jobs that they have; `cost_of` has the prices of batches."""
        of_batch = reader.batches.jobs()
        for record in reader.batches.records():
            jobs = of_batch.pop(record.batch, array("I"))
            batch = SentBatch(record, folder, jobs, carriers.with_label(record.key))
            self.add(batch)
            if batch.state.is_open:
                lending.restore(jobs, record.batch)
        for number, dollars in batch_costs(reader, carriers.labels, cost_of).items():
            if number in self._batches:
                self._batches[number].dollars = dollars
