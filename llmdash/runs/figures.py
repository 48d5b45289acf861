"""The timings of a kept run, from the results in its journal."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import TimingPart
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import TimingView
from llmdash.engine.store.restoring import count_times
from llmdash.engine.store.timings import Timings
from llmdash.runs.facts import jobs_of, run_facts

__all__ = ["timings_of"]


def timings_of(folder: Path, by: Grouping) -> TimingPart:
    """Return the percentiles of the answers in a run, by group. Raises JournalError."""
    reader = JournalReader(folder)
    facts = reader.facts()
    reader.check(jobs_of(facts, folder))
    timings, is_streamed = Timings(), run_facts(facts).is_streamed
    for ended in reader.ended_columns():
        count_times(timings, ended, is_streamed=is_streamed)
    return timings.part(TimingView(by))
