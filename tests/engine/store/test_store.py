"""The store: whatever order things happen in, every job is counted once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.model import events
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import JobState, Severity
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.verdict import Verdict


class Clock:
    def __init__(self) -> None:
        self.time = 50.0

    def __call__(self) -> float:
        self.time += 0.1
        return self.time


def failed(job: int, error: str) -> events.Saved:
    return events.Saved(ResultRow(job, str(job), "failed", attempts=1, error=error))


def cancelled(job: int) -> events.Saved:
    return events.Saved(ResultRow(job, str(job), "cancelled"))


def saved(job: int, verdict: Verdict = Verdict.RIGHT) -> events.Saved:
    row = ResultRow(job, str(job), "done", "", None, verdict, "k", 1, 0.1, 0.5, 10, 20, False)
    return events.Saved(row)


class Player:
    """Moves jobs through their lives in any order that a run allows."""

    def __init__(self, jobs: int) -> None:
        self.clock = Clock()
        self.store = Store(JobColumns(jobs, range(jobs)), self.clock)
        self.next = 0

    def step(self, job: int, what: int) -> None:
        store, state = self.store, JobState(self.store.columns.state[job])
        if state is JobState.QUEUED:
            self.take(job, what)
        elif state in (JobState.LIMITER, JobState.KEY):
            self.leave(job, what)
        elif state.in_flight:
            self.arrive(job, what)
        elif state is JobState.BACKOFF:
            store.apply(events.Taken(job, self.clock(), False) if what % 3 else cancelled(job))
        elif what % 2:
            store.apply(events.Queued(job))

    def take(self, job: int, what: int) -> None:
        if what % 7 == 0:
            self.store.apply(cancelled(job))
        else:
            self.store.apply(events.Taken(job, self.clock(), False))

    def leave(self, job: int, what: int) -> None:
        match what % 5:
            case 0:
                self.store.apply(events.Waiting(job, JobState.KEY))
            case 1:
                self.store.apply(events.Queued(job))
            case 2:
                self.store.apply(cancelled(job))
            case _:
                attempt = self.store.columns.tries[job] + 1
                self.store.apply(events.Sent(job, "k", attempt, self.clock()))

    def arrive(self, job: int, what: int) -> None:
        if what % 3 == 0:
            self.store.apply(events.ChunkReceived(job, "some text", self.clock()))
            return
        self.store.apply(events.AttemptEnded(job, self.clock()))
        ends = (saved(job, Verdict(what % 4)), failed(job, "no"), cancelled(job))
        again = (events.RetryScheduled(job, "slow", True), events.Queued(job))
        self.store.apply((*ends, *again)[what % 5])


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 104)), max_size=120))
@settings(max_examples=150)
def test_every_job_is_in_one_state_and_the_counts_know_it(jobs: int, steps: list[tuple[int, int]]) -> None:
    player = Player(jobs)
    columns = player.store.columns
    for job, what in steps:
        player.step(job % jobs, what)
        assert sum(columns.counts) == jobs
        for state in JobState:
            assert columns.counts[state] == columns.state.count(state)
        assert sum(player.store.verdicts) == columns.counts[JobState.DONE]
        working = [job for job in range(jobs) if 0 < columns.state[job] < JobState.DONE]
        assert sorted(player.store.live) == working
        assert min(columns.wait) >= 0.0


def test_an_answer_that_is_asked_for_again_no_longer_counts_as_right() -> None:
    store = Store(JobColumns(1, range(1)), Clock())
    store.apply(events.Taken(0, 1.0, True))
    store.apply(events.Sent(0, "k", 1, 1.0))
    store.apply(saved(0))
    assert store.score is not None
    assert (store.score.right, store.score.accuracy) == (1, 1.0)
    store.apply(events.Queued(0))
    assert store.score is None


def test_an_answer_without_text_has_no_first_token() -> None:
    store = Store(JobColumns(2, range(2)), Clock())
    store.apply(saved(0))
    calls = ResultRow(1, "1", "done", "", key="k", attempts=1, latency_s=0.9)
    store.apply(events.Saved(calls))
    assert list(store.columns.ttft) == pytest.approx([0.1, 0.0])
    assert store.ttft.percentile(0.95) == pytest.approx(0.1, rel=0.1)
    assert store.latency.percentile(0.95) == pytest.approx(0.9, rel=0.1)


def test_the_wait_of_a_job_includes_its_backoff() -> None:
    store = Store(JobColumns(1, range(1)), Clock())
    store.apply(events.Taken(0, 10.0, True))
    store.apply(events.Sent(0, "k", 1, 12.0))
    store.apply(events.AttemptEnded(0, 13.0))
    store.apply(events.RetryScheduled(0, "no", True))
    since = store.live[0].since
    store.apply(events.Taken(0, since + 5.0, False))
    store.apply(events.Sent(0, "k", 2, since + 6.0))
    assert store.columns.wait[0] == pytest.approx(2.0 + 5.0 + 1.0)


def test_notices_are_numbered_and_the_oldest_let_go() -> None:
    store = Store(JobColumns(1, range(1)), Clock())
    for number in range(500):
        store.apply(events.Noticed(Severity.WARNING, f"notice {number}"))
    assert [notice.serial for notice in store.notices] == list(range(301, 501))
    assert store.notices[-1].text == "notice 499"


def test_errors_of_any_number_stay_within_their_column() -> None:
    store = Store(JobColumns(1, range(1)), Clock())
    names = {store.columns.errors.number(f"error {number}") for number in range(70_000)}
    assert max(names) < 65_536
