"""Results that are restored many at once are those that are restored one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import ResultRow
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.restoring import restore_all
from llmdash.engine.store.store import Store
from llmdash.prompts.verdict import Verdict

JOBS = 12
COLUMNS = ("tries", "verdict", "flags", "estimated", "wait", "ttft", "time", "input_tokens", "output_tokens")


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


seconds = st.floats(0, 1e6)
tokens = st.integers(0, 2**32 - 1)
rows = st.fixed_dictionaries(
    {
        "job": st.integers(0, JOBS - 1),
        "id": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
        "state": st.sampled_from(["done", "invalid", "failed", "cancelled"]),
        "verdict": st.sampled_from(Verdict),
        "key": maybe(st.sampled_from(["", "a1f2", "b2e3"])),
        "attempts": st.integers(0, 70_000),
        "ttft_s": maybe(seconds),
        "latency_s": maybe(seconds),
        "input_tokens": maybe(tokens),
        "output_tokens": maybe(tokens),
        "estimated": maybe(st.booleans()),
        "error": maybe(st.sampled_from(["", "500 server error", "timeout"])),
        "flags": maybe(
            st.sampled_from(["", "empty", "reused", "length,eof", "reasoning_only,reused", "finish:odd"])
        ),
        "wait_s": maybe(seconds),
        "worker": maybe(st.sampled_from(["", "w-1", "w-2"])),
    }
).map(lambda fields: ResultRow(**fields))


def seen(store: Store) -> dict[str, object]:
    """All that results decide in a store."""
    columns = store.columns
    jobs = range(columns.jobs)
    return {
        **{name: list(getattr(columns, name)) for name in COLUMNS if name != "tries"},
        "state": list(columns.state),
        "counts": list(columns.counts),
        "started": list(columns.started),
        "place": list(columns.place),
        "error": [columns.errors[columns.error[job]] for job in jobs],
        "key": [columns.keys[columns.key[job]] for job in jobs],
        "worker": [columns.workers[columns.worker[job]] for job in jobs],
        "verdicts": store.verdicts,
        "totals": (store.empty, store.reused, store.estimated, store.done_by),
        "times": [each.percentiles([0.1, 0.5, 0.9]) for each in (store.ttft, store.latency, store.waited)],
    }


@given(st.lists(rows, unique_by=lambda row: row.job))
@settings(max_examples=60, deadline=None)
def test_results_restored_at_once_are_those_restored_one_by_one(results: Sequence[ResultRow]) -> None:
    one_by_one, at_once = (Store(JobColumns(JOBS, range(0)), lambda: 0.0) for _ in range(2))
    with TemporaryDirectory() as folder:
        journal = JournalFile.create(Path(folder), {"jobs": JOBS})
        journal.write(Group(results=list(results)))
        journal.close()
        reader = JournalReader(Path(folder))
        for row in reader.ended():
            one_by_one.restore(row)
        for ended in reader.ended_columns():
            restore_all(at_once, ended)
    assert seen(at_once) == seen(one_by_one)
    assert all(at_once.columns.tries[row.job] == min(row.attempts, 65_535) for row in results)
