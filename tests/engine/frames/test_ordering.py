"""Which job stands on which line."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.filter import NO_WAITS
from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.frames.text_search import Sought
from llmdash.engine.model.events import Queued, Taken
from llmdash.engine.model.states import JobState, SortColumn, WaitReason
from llmdash.engine.model.view import JobsView
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.prompts.verdict import Verdict
from tests.engine.store.test_store import cancelled, failed
from tests.waiting import wait_for


def ordering_of(columns: JobColumns, view: JobsView) -> Ordering:
    return shown(Ordering(columns, lambda job: f"id-{job}"), view)


def shown(ordering: Ordering, view: JobsView, waits: Waits = NO_WAITS) -> Ordering:
    """`ordering` once it shows the jobs as `view` asks."""
    ordering.use(view, waits)
    while any(thread.name == "llmdash-sort" for thread in threading.enumerate()):
        time.sleep(0.0005)
    ordering.use(view, waits)
    return ordering


def lines(ordering: Ordering) -> list[int]:
    return [ordering.job_at(line) for line in range(len(ordering))]


@given(
    st.lists(st.booleans(), min_size=1, max_size=30),
    st.lists(
        st.tuples(st.sampled_from(["take", "cancel", "fail", "again"]), st.integers(0, 30)), max_size=60
    ),
    st.sampled_from([SortColumn.NEWEST, SortColumn.NUMBER]),
    st.booleans(),
)
@settings(max_examples=200)
def test_natural_orders_show_every_job_that_has_a_line_once_at_any_progress(
    ended: list[bool], steps: list[tuple[str, int]], sort: SortColumn, descending: bool
) -> None:
    """Also where jobs had ended in an earlier start, or were cancelled before their lease."""
    jobs = len(ended)
    columns = JobColumns(jobs, array("I", (job for job in range(jobs) if not ended[job])))
    store = Store(columns, lambda: 1.0)
    for job in range(jobs):
        if ended[job]:
            columns.begin(job)
            columns.set_state(job, JobState.DONE)
    pending, dropped = list(columns.pending), set[int]()
    for what, number in steps:
        job = number % jobs
        state = JobState(columns.state[job])
        if what == "take" and pending:
            fresh = pending.pop(0)
            if fresh not in dropped:
                store.apply(Taken(fresh, 1.0, True))
        elif what == "cancel" and not state.ended:
            dropped.add(job)
            store.apply(cancelled(job))
        elif what == "fail" and state is JobState.LIMITER:
            store.apply(failed(job, "no"))
        elif what == "again" and state.ended:
            store.apply(Queued(job))
            store.apply(Taken(job, 1.0, False))
        ordering = ordering_of(columns, JobsView(sort=sort, descending=descending))
        order = lines(ordering)
        has_line = sort is SortColumn.NUMBER
        assert sorted(order) == [job for job in range(jobs) if has_line or columns.place[job]]
        assert [ordering.line_of(each) for each in order] == list(range(len(order)))
    assert sum(columns.counts) == jobs


def test_the_newest_comes_first_and_what_waits_has_no_line() -> None:
    """A job that waits for rate or key is no work that goes on; the order of the input shows all."""
    columns = JobColumns(6, range(6))
    for job in (0, 2, 1):
        columns.begin(job)
    columns.set_state(3, JobState.LIMITER)
    assert lines(ordering_of(columns, JobsView())) == [1, 2, 0]
    assert lines(ordering_of(columns, JobsView(descending=True))) == [0, 2, 1]
    assert [ordering_of(columns, JobsView()).line_of(job) for job in (1, 3, 17)] == [0, None, None]
    assert lines(ordering_of(columns, JobsView(sort=SortColumn.NUMBER))) == [0, 1, 2, 3, 4, 5]
    assert lines(ordering_of(columns, JobsView(sort=SortColumn.TIME))) == [0, 1, 2]
    assert lines(ordering_of(columns, JobsView(filter="state:limiter"))) == [3]


@pytest.mark.parametrize("sort", list(SortColumn))
def test_every_column_sorts_both_ways(sort: SortColumn) -> None:
    columns = JobColumns(5, range(5))
    for job in range(5):
        columns.time[job] = float(-job)
        columns.set_state(job, JobState(8 - job))
    up = ordering_of(columns, JobsView(sort=sort, filter="id"))
    down = ordering_of(columns, JobsView(sort=sort, filter="id", descending=True))
    assert lines(up) == lines(down)[::-1]
    if sort in (SortColumn.TIME, SortColumn.STATE):
        assert lines(up) == [4, 3, 2, 1, 0]


def test_a_filter_hides_jobs_and_a_wrong_one_is_told() -> None:
    columns = JobColumns(30, range(30))
    columns.set_state(7, JobState.FAILED)
    ordering = ordering_of(columns, JobsView(filter="state:failed"))
    assert lines(ordering) == [7]
    assert (ordering.line_of(7), ordering.line_of(8)) == (0, None)
    shown(ordering, JobsView(filter="state:what"))
    assert "there are" in ordering.error
    ordering.use(JobsView())
    assert (len(ordering), ordering.error) == (0, ""), "nothing was sent"


def test_a_thread_that_has_done_its_work_and_takes_a_while_to_end_holds_no_other_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = JobColumns(30, range(30))
    columns.set_state(7, JobState.FAILED)
    ordering = Ordering(columns, str)
    monkeypatch.setattr(threading.Thread, "is_alive", lambda _thread: True)
    assert lines(shown(ordering, JobsView(filter="state:failed"))) == [7]
    assert lines(shown(ordering, JobsView(filter="#>27"))) == [27, 28, 29]


def test_a_large_table_is_sorted_in_the_background_and_shown_when_ready() -> None:
    columns = JobColumns(50_000, range(50_000))
    for job in range(0, 50_000, 1_000):
        columns.set_state(job, JobState.FAILED)
    view = JobsView(filter="state:failed", sort=SortColumn.NUMBER)
    ordering = Ordering(columns, str)
    ordering.use(JobsView(sort=SortColumn.NUMBER))
    ordering.use(view)
    assert len(ordering) == 50_000, "shown as it was until it is worked out"

    def worked_out() -> int:
        ordering.use(view)
        return len(ordering)

    wait_for(lambda: worked_out() == 50)
    assert lines(ordering) == list(range(0, 50_000, 1_000))


@pytest.mark.case("engine", "state-key")
@pytest.mark.parametrize(
    ("blocker", "retries_held", "words"),
    [
        (None, False, {1: "limiter", 2: "key", 3: "backoff", 4: "limiter"}),
        (None, True, {1: "limiter", 2: "key", 3: "backoff", 4: "budget"}),
        (WaitReason.KEY, True, {1: "key", 2: "key", 3: "backoff", 4: "key"}),
        (WaitReason.ENDPOINT, False, {1: "endpoint", 2: "endpoint", 3: "backoff", 4: "endpoint"}),
        (WaitReason.MACHINE, False, {1: "machine", 2: "machine", 3: "backoff", 4: "machine"}),
        (WaitReason.DISK, False, {1: "disk", 2: "key", 3: "backoff", 4: "disk"}),
    ],
)
def test_every_state_that_is_shown_is_found_by_its_word(
    blocker: WaitReason | None, retries_held: bool, words: dict[int, str]
) -> None:
    """Job 3 is in backoff, that of job 4 is over; what blocks the run decides what the others wait for."""
    columns = JobColumns(6, range(6))
    for job, state in enumerate((JobState.QUEUED, JobState.LIMITER, JobState.KEY, *[JobState.BACKOFF] * 2)):
        columns.set_state(job, state)
    waits = Waits(blocker, retries_held, lambda job: 9.0 if job == 3 else None)
    for job, word in words.items():
        reason = waits.reason(job, JobState(columns.state[job]))
        assert reason is not None and reason.value == word
        found = lines(shown(Ordering(columns, str), JobsView(filter=f"state:{word}"), waits))
        assert job in found and found == [each for each, other in sorted(words.items()) if other == word]


def test_a_filter_by_state_follows_what_blocks_the_run_though_no_job_moved() -> None:
    columns = JobColumns(2, range(2))
    columns.set_state(1, JobState.LIMITER)
    ordering, view = Ordering(columns, str), JobsView(filter="state:key")
    assert lines(shown(ordering, view, Waits(None))) == []
    ordering._next_at = 0.0  # a second later
    assert lines(shown(ordering, view, Waits(WaitReason.KEY))) == [1]


@pytest.mark.case("engine", "id-cost")
def test_no_thread_but_its_own_sorts_filters_or_asks_for_ids() -> None:
    """A frame takes the lines as they are: what is looked at by a frame is bound to what is visible."""
    asked_by = set[str]()

    def job_id(job: int) -> str:
        asked_by.add(threading.current_thread().name)
        return str(job)

    ordering = Ordering(JobColumns(20_000, range(20_000)), job_id)
    for view in (JobsView(sort=SortColumn.ID), JobsView(filter="77"), JobsView(filter="is:right 7")):
        shown(ordering, view)
        assert ordering.line_of(77) is not None or len(ordering) == 0
    assert asked_by == {"llmdash-sort"}


class Slow:
    """A search that finds more with each look."""

    def __init__(self) -> None:
        self.share = 0.0
        self.may_look = threading.Semaphore(0)

    def has(self, sought: Sought) -> Callable[[int], bool]:
        return lambda job: job < 10 * self.share

    def look(self, sought: tuple[Sought, ...], stops: Callable[[], bool]) -> float:
        assert sought == (Sought("sea"),)
        self.may_look.acquire()
        self.share += 0.5
        return self.share


def test_what_a_search_has_found_so_far_is_shown_while_it_goes_on() -> None:
    search = Slow()
    ordering, view = Ordering(JobColumns(20, range(20)), str, search), JobsView(filter="sea")
    ordering.use(view)

    def seen() -> tuple[int, float | None]:
        ordering.use(view)
        return len(ordering), ordering.searched

    wait_for(lambda: seen() == (0, 0.0))
    search.may_look.release()
    wait_for(lambda: seen() == (5, 0.5))
    search.may_look.release()
    wait_for(lambda: seen() == (10, None))


def test_what_went_wrong_comes_first_then_what_was_cut_off_then_what_went_well() -> None:
    """In the order of the input within each: a stopped run that is kept has all of them."""
    columns = JobColumns(7, array("I", range(7)))
    for job, (state, verdict) in enumerate(
        (
            (JobState.DONE, Verdict.RIGHT),
            (JobState.CANCELLED, Verdict.UNSCORED),
            (JobState.SENT, Verdict.UNSCORED),
            (JobState.DONE, Verdict.NOT_EQUAL),
            (JobState.DONE, Verdict.UNSCORED),
            (JobState.FAILED, Verdict.UNSCORED),
            (JobState.QUEUED, Verdict.UNSCORED),
        )
    ):
        columns.begin(job)
        columns.set_state(job, state)
        columns.verdict[job] = verdict
    assert lines(ordering_of(columns, JobsView(sort=SortColumn.WRONG))) == [5, 3, 1, 2, 6, 0, 4]


def test_an_order_that_nobody_wants_any_more_is_not_worked_out_to_its_end() -> None:
    """Each letter of a filter asks for another one."""
    asked: list[str] = []
    may_go_on = threading.Event()

    def job_id(job: int) -> str:
        may_go_on.wait()
        asked.append(f"id-{job}")
        return asked[-1]

    ordering, view = Ordering(JobColumns(5_000, range(5_000)), job_id), JobsView(filter="id:17")
    ordering.use(view)
    ordering.use(replace(view, filter="id:171"))
    may_go_on.set()

    def matching() -> int:
        ordering.use(replace(view, filter="id:171"))
        return len(ordering)

    wait_for(lambda: matching() == 15)
    assert len(asked) < 6_000
