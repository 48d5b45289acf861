"""What failed is grouped by how it failed, and counted at a cost that does not follow the number of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.events import Queued, Saved, Sent, Taken
from llmdash.engine.model.frame import ErrorGroup
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import JobState
from llmdash.engine.store.error_groups import ErrorGroups, shape
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.verdict import Verdict
from tests.engine.store.test_store import failed as failure

REFUSED = "404 model gpt-4o-mini-2024-07-18 not found (request req_0123456789abcde{})"
SLOW = "429 try again in {}.2s"


def store_of(jobs: int) -> Store:
    return Store(JobColumns(jobs, range(jobs)), lambda: 1.0)


def fail(store: Store, job: int, error: str) -> None:
    store.apply(Taken(job, 0.0, fresh=True))
    store.apply(failure(job, error))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("404 model not found", "404 model not found"),
        ("429 try again in 1.2s", "429 try again in #"),
        ("429 Limit 500, Used 499.", "429 Limit # Used #"),
        ("the answer ended after 17 of 200 bytes", "the answer ended after # of # bytes"),
        ("500 trace 6f1f7a3e-2b1c-4c9e-9d7e-0a1b2c3d4e5f", "500 trace #"),
        ("400 no such model gpt-4o-mini", "400 no such model gpt-4o-mini"),
        ("", ""),
    ],
)
def test_what_differs_from_job_to_job_is_left_out_of_the_name_of_a_group(error: str, name: str) -> None:
    assert shape(error) == name


@given(st.text())
def test_a_shape_has_no_shape_but_itself(error: str) -> None:
    assert shape(shape(error)[:300])[:300] == shape(error)[:300]


def test_jobs_that_failed_alike_are_one_group_and_the_largest_comes_first() -> None:
    store = store_of(10)
    assert store.errors.groups() == ()
    for job in range(3):
        fail(store, job, SLOW.format(job))
    for job in range(3, 8):
        fail(store, job, REFUSED.format(job))
    slow, refused = shape(SLOW.format(1)), shape(REFUSED.format(1))
    assert store.errors.groups() == (ErrorGroup(refused, 5, 7), ErrorGroup(slow, 3, 2))
    assert store.errors.jobs(slow) == (0, 1, 2)
    assert store.errors.jobs("nothing of the kind") == ()


def test_what_failed_before_anybody_asked_is_counted_too() -> None:
    store = store_of(10)
    for job in range(4):
        fail(store, job, SLOW.format(job))
    assert [group.count for group in store.errors.groups()] == [4]


def test_a_job_that_is_wanted_again_leaves_its_group_and_another_one_is_the_example() -> None:
    store = store_of(10)
    for job in range(4):
        fail(store, job, SLOW.format(job))
    assert store.errors.groups()[0].example == 3
    store.apply(Queued(3))
    (group,) = store.errors.groups()
    assert (group.count, group.example) == (3, 0)
    for job in range(3):
        store.apply(Queued(job))
    assert store.errors.groups() == ()


def test_a_job_that_failed_and_was_then_done_is_in_no_group() -> None:
    store = store_of(2)
    fail(store, 0, "500 boom")
    assert store.errors.groups()
    store.apply(Queued(0))
    store.apply(Taken(0, 0.0, fresh=False))
    store.apply(Sent(0, "a1f2", 2, 0.0))
    store.apply(
        Saved(ResultRow(0, "0", "done", "", None, Verdict.UNSCORED, "a1f2", 2, 0.1, 0.2, 1, 1, False))
    )
    assert store.errors.groups() == ()


STEPS = st.tuples(st.integers(0, 9), st.sampled_from(["fail", "again"]), st.integers(0, 3))


@given(st.lists(STEPS, max_size=60))
def test_counts_are_those_of_the_jobs_whatever_happens_to_them(steps: list[tuple[int, str, int]]) -> None:
    store = store_of(10)
    for job, step, error in steps:
        failed = store.columns.state[job] == JobState.FAILED
        if step == "fail" and not failed:
            store.apply(Taken(job, 0.0, fresh=False))
            store.apply(failure(job, f"{500 + error} error"))
        elif step == "again" and failed:
            store.apply(Queued(job))
        kept, counted = (
            {group.name: group for group in groups.groups()}
            for groups in (store.errors, ErrorGroups(store.columns))
        )
        assert {name: group.count for name, group in kept.items()} == {
            name: group.count for name, group in counted.items()
        }
        assert all(group.example in store.errors.jobs(name) for name, group in kept.items())


def test_once_counted_no_job_is_looked_at_again() -> None:
    """So a look costs the same for ten jobs and for a million."""
    store = store_of(1000)
    for job in range(0, 1000, 10):
        fail(store, job, f"{400 + job % 50} refused")
    before = store.errors.groups()
    store.columns.state = bytearray()
    assert store.errors.groups() == before
    assert sum(group.count for group in before) == 100
