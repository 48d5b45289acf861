"""Loads the store of a kept run: every job as it was left, in the order in which they were started."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llmdash.engine.journal.attempt_sums import KeyTotals
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import EndedColumns
from llmdash.engine.model.states import JobState
from llmdash.engine.resume import load_times, load_totals
from llmdash.engine.store.history import restore_history
from llmdash.engine.store.hosts import known_hosts
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.restored_errors import restore_errors, seconds_at_work
from llmdash.engine.store.restoring import restore_all
from llmdash.engine.store.store import Store
from llmdash.runs.facts import run_facts
from llmdash.runs.ids import Ids

__all__ = ["KeptJobs", "load_jobs", "places_in"]


class KeptJobs(NamedTuple):
    """The jobs of a kept run.

    `places` has the endpoint of each key that was answered or failed last, `totals` the counts of each key,
    `last` is the job that ended last.
    """

    store: Store
    ids: Ids
    places: Mapping[str, str]
    totals: Mapping[str, KeyTotals]
    last: int | None


def load_jobs(
    reader: JournalReader, facts: Mapping[str, Any], jobs: int, progress: Callable[[float], None]
) -> KeptJobs:
    """Read all jobs; `progress` is called from time to time with the share that is read, 0 to 1.

    The rows are those of a sound journal. Raises JournalError.
    """
    columns = JobColumns(jobs, range(0))
    columns.begin_all(reader.starts())
    store = Store(columns, _standing)
    store.is_streamed = run_facts(facts).is_streamed
    store.run_clock.stop()
    ids = Ids(jobs)
    places: dict[str, str] = {}
    for ended in reader.ended_columns():
        restore_all(store, ended)
        ids.add(ended.job, ended.id)
        places.update(places_in(ended))
        progress(ended.job[-1] / max(1, jobs))
    columns.pending = array("I", (job for job, place in enumerate(columns.place) if not place))
    _unanswered(reader, columns)
    for batch, in_it in reader.batches.members().items():
        columns.put_in_batch(in_it, batch)
    for batch, in_it in reader.batches.jobs().items():
        columns.set_states(in_it, [JobState.BATCHED] * len(in_it))
        columns.put_in_batch(in_it, batch)
    totals = reader.sums.key_totals()
    load_totals(store, (), totals)
    samples = reader.samples()
    restore_history(store, facts, samples, reader)
    load_times(store, facts)
    restore_errors(
        store,
        reader.failures.tries(),
        reader.failures.results(),
        seconds_at_work(samples, store.wall.began_at),
    )
    store.lost_by.update(reader.sums.lost_by())
    store.hosts.update(known_hosts(facts))
    return KeptJobs(store, ids, places, totals, reader.last_answered())


def places_in(ended: EndedColumns) -> Mapping[str, str]:
    """Return the endpoint of each key in these rows, as the last one has it."""
    named = zip(ended.key, ended.endpoint, strict=True)
    return {key: endpoint for key, endpoint in named if key and endpoint is not None}


def _standing() -> float:
    """The clock of a run that is over."""
    return 0.0


def _unanswered(reader: JournalReader, columns: JobColumns) -> None:
    """Show of the jobs without an answer what their last attempt left."""
    for record in reader.unanswered():
        job = record.job
        columns.time[job], columns.ttft[job] = record.latency_s or 0.0, record.ttft_s or 0.0
        if JobState(columns.state[job]).ended:
            continue
        columns.tries[job] = min(record.attempt, 65_535)
        columns.key[job] = columns.keys.number(record.key)
        columns.error[job] = columns.errors.number(record.message or "")
        if record.worker is not None:
            columns.worker[job] = columns.workers.number(record.worker)
