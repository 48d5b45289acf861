"""What the store makes of chunks that come together, and of who did which job."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model import events
from llmdash.engine.model.records import ResultRow
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store

PIECES = st.lists(st.tuples(st.text(max_size=5), st.floats(0.0, 0.5)), min_size=1, max_size=20)


def sent_store() -> Store:
    store = Store(JobColumns(2, range(2)), lambda: 50.0)
    for job in range(2):
        store.apply(events.Taken(job, 40.0, True))
        store.apply(events.Sent(job, "k", 1, 41.0, "w1"))
    return store


@given(PIECES, st.lists(st.integers(1, 19), max_size=4))
def test_chunks_together_are_what_they_are_one_by_one(
    pieces: list[tuple[str, float]], cuts: list[int]
) -> None:
    texts, times, at = [text for text, _ in pieces], list[float](), 41.0
    for _, gap in pieces:
        at += gap
        times.append(at)
    one_by_one, together = sent_store(), sent_store()
    for text, arrived in zip(texts, times, strict=True):
        one_by_one.apply(events.ChunkReceived(1, text, arrived))
    borders = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    for start, end in pairwise(borders):
        together.apply(events.ChunksReceived(1, texts[start:end], times[start:end]))
    for column in ("ttft", "state", "counts", "tries"):
        assert getattr(one_by_one.columns, column) == getattr(together.columns, column), column
    first, second = one_by_one.streams.get(1), together.streams.get(1)
    assert first is not None
    assert second is not None
    for name in first.__slots__:
        assert getattr(first, name) == getattr(second, name), name
    assert one_by_one.streams.newest == together.streams.newest == 1


def done(job: int, worker: str | None, state: str = "done") -> ResultRow:
    return ResultRow(job, str(job), state, attempts=1, worker=worker)


def test_jobs_are_counted_by_who_did_them_and_not_once_they_are_asked_for_again() -> None:
    store = Store(JobColumns(4, range(4)), lambda: 50.0)
    for row in (done(0, "w1"), done(1, "w2"), done(2, "w2", "failed"), done(3, None)):
        store.apply(events.Taken(row.job, 1.0, True))
        store.apply(events.Sent(row.job, "k", 1, 2.0, row.worker))
        store.apply(events.Saved(row))
    assert +store.done_by == {"w1": 1, "w2": 1}
    for job in range(4):
        store.apply(events.Queued(job))
    assert +store.done_by == {}
    store.apply(events.Taken(1, 3.0, False))
    store.apply(events.Sent(1, "k", 2, 4.0, "w1"))
    store.apply(events.Saved(done(1, "w1")))
    assert +store.done_by == {"w1": 1}


def test_what_is_on_record_counts_for_its_worker_as_if_it_were_done_now() -> None:
    store = Store(JobColumns(3, range(3)), lambda: 50.0)
    for row in (done(0, "w1"), done(1, "w1"), done(2, "w2", "failed")):
        store.restore(row)
    assert +store.done_by == {"w1": 2}
    store.apply(events.Queued(0))
    assert +store.done_by == {"w1": 1}


def test_a_lost_attempt_counts_for_its_worker() -> None:
    store = sent_store()
    for worker in ("w1", "w2", "w1"):
        store.apply(events.AttemptLost(worker))
    assert store.lost_by == {"w1": 2, "w2": 1}
