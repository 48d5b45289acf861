"""The timings of kept runs, from the results in their journals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import TimingView
from llmdash.engine.store.restoring import count_times
from llmdash.engine.store.timings import Timings
from llmdash.reports.timings_beside import NamedTimings
from llmdash.runs.facts import jobs_of, run_facts

__all__ = ["figures_of"]


def figures_of(folders: Sequence[Path], by: Grouping) -> list[NamedTimings]:
    """Return the percentiles of the answers in each run, by group, with a name that no other of them has, and
    of its failed attempts apart. Raises JournalError.
    """
    found = [_timings(folder, by) for folder in folders]
    names = Counter(each.name for each in found)
    return [
        each if names[each.name] == 1 else each._replace(name=folder.name)
        for folder, each in zip(folders, found, strict=True)
    ]


def _timings(folder: Path, by: Grouping) -> NamedTimings:
    reader = JournalReader(folder)
    facts = reader.facts()
    reader.check(jobs_of(facts, folder))
    timings, known = Timings(), run_facts(facts)
    for ended in reader.ended_columns():
        count_times(timings, ended, is_streamed=known.is_streamed)
    for each in reader.failures.tries():
        timings.add_failed(each.latency_s)
    name = f"{known.name} · {known.model}" if known.model else known.name
    return NamedTimings(name, timings.part(TimingView(by)))
