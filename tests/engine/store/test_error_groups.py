"""What failed is grouped by how it failed, try by try, at a cost that does not follow the number of jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.errors import ErrorClass, ErrorGroup, class_of
from llmdash.engine.model.events import Queued, RetryScheduled, Saved, Sent, Taken, TryFailed
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import JobState
from llmdash.engine.store.grouping import ErrorNumbers, shape
from llmdash.engine.store.job_columns import CLASSES, JobColumns
from llmdash.engine.store.store import Store
from llmdash.engine.store.tally import Tally
from tests.engine.store.test_store import failed as failure

REFUSED = "404 model gpt-4o-mini-2024-07-18 not found (request req_0123456789abcde{})"
SLOW = "429 try again in {}.2s"


def store_of(jobs: int) -> Store:
    return Store(JobColumns(jobs, range(jobs)), lambda: 1.0)


def tried(
    job: int,
    error: str,
    kind: str = "transient",
    status: int | None = None,
    key: str = "a1f2",
    code: str | None = None,
) -> TryFailed:
    row = AttemptRecord(job, 1, key, "failed", 0.0, failure=kind, status=status, message=error, code=code)
    return TryFailed(row)


def done(job: int) -> Saved:
    return Saved(ResultRow(job, str(job), "done", "", key="a1f2", attempts=2, latency_s=0.2))


def groups(store: Store, key: str = "") -> tuple[ErrorGroup, ...]:
    return store.errors.groups(10.0, key)


def fail(store: Store, job: int, error: str, **how: Any) -> None:
    """One try, which fails for good."""
    store.apply(Taken(job, 0.0, fresh=False))
    store.apply(tried(job, error, **how))
    store.apply(failure(job, error))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("model not found", "model not found"),
        ("try again in 1.2s", "try again in *"),
        ("Limit 500, Used 499.", "Limit * Used *"),
        ("the answer ended after 17 of 200 bytes", "the answer ended after * of * bytes"),
        ("trace 6f1f7a3e-2b1c-4c9e-9d7e-0a1b2c3d4e5f", "trace *"),
        ("no such model gpt-4o-mini", "no such model gpt-4o-mini"),
        ("", ""),
    ],
)
def test_what_differs_from_try_to_try_is_left_out_of_the_name_of_a_group(error: str, name: str) -> None:
    assert shape(error) == name


@given(st.text())
def test_a_shape_has_no_shape_but_itself(error: str) -> None:
    assert shape(shape(error)[:300])[:300] == shape(error)[:300]


@pytest.mark.parametrize(
    ("failure", "status", "message", "kind"),
    [
        ("transient", None, "stalled: no content for 60 s", ErrorClass.STALLED),
        ("transient", None, "no answer within 30 s; more time: total_timeout", ErrorClass.TIMEOUT),
        ("transient", None, "cannot connect to example.org", ErrorClass.CONNECTION),
        ("transient", 200, "200 truncated: the connection broke", ErrorClass.TRUNCATED),
        ("transient", 200, "200 overloaded", ErrorClass.SERVER),
        ("transient", 503, "503 stalled", ErrorClass.SERVER),
        ("throttle", 429, "429 slow down", ErrorClass.THROTTLED),
        ("auth", 401, "401 no", ErrorClass.KEY),
        ("invalid", None, "no JSON", ErrorClass.INVALID),
        (None, None, "lost 3 times with its worker", ErrorClass.OTHER),
        ("of a later version", 418, "418 teapot", ErrorClass.SERVER),
    ],
)
def test_the_class_of_a_failure_is_a_word_for_what_went_wrong(
    failure: str | None, status: int | None, message: str, kind: ErrorClass
) -> None:
    assert class_of(failure, status, message) is kind


def test_tries_that_failed_alike_are_one_group_and_that_with_most_jobs_comes_first() -> None:
    store = store_of(10)
    assert groups(store) == ()
    for job in range(3):
        fail(store, job, REFUSED.format(job), kind="request", status=404, key="9bc0")
    for job in range(3, 10):
        store.apply(tried(job, SLOW.format(job), "throttle", 429))
    refused, slow = groups(store)
    assert (refused.kind, refused.status, refused.jobs, refused.tries) == ("request", 404, 3, 3)
    assert (slow.name, slow.words, slow.jobs, slow.tries) == ("try again in *", "429 try again in *", 0, 7)
    assert refused.examples == (2, 1, 0)
    assert slow.examples == (9, 8, 7, 6)
    assert (refused.keys, slow.keys) == ((("9bc0", 3),), (("a1f2", 7),))
    assert store.errors.jobs(refused.id) == (0, 1, 2)
    assert store.errors.jobs(slow.id) == store.errors.jobs("nothing of the kind") == ()
    assert store.errors.tries == 10


def test_the_same_words_of_another_class_status_or_code_are_another_group() -> None:
    store = store_of(4)
    store.apply(tried(0, "429 no", "throttle", 429))
    store.apply(tried(1, "429 no", "quota", 429))
    store.apply(tried(2, "429 no", "throttle", 429, code="slow_down"))
    store.apply(tried(3, "503 no", "transient", 503))
    found = groups(store)
    assert len(found) == len({group.id for group in found}) == 4


def test_a_try_that_a_later_one_made_good_is_counted_and_told_apart() -> None:
    """*attempts-hidden*: 171 errors, all retried, are not nothing."""
    store = store_of(2)
    for job in range(2):
        store.apply(Taken(job, 0.0, fresh=False))
        store.apply(tried(job, "500 boom", status=500))
        store.apply(RetryScheduled(job, "500 boom", counted=True))
    store.apply(done(0))
    (group,) = groups(store)
    assert (group.jobs, group.tries, store.errors.tries, store.errors.made_good) == (0, 2, 2, 1)
    store.apply(Queued(0))
    assert store.errors.made_good == 0


def test_a_job_that_is_wanted_again_leaves_its_group_but_its_tries_stay() -> None:
    store = store_of(10)
    for job in range(4):
        fail(store, job, SLOW.format(job))
    assert groups(store)[0].examples[0] == 3
    store.apply(Queued(3))
    (group,) = groups(store)
    assert (group.jobs, group.tries, group.examples[0]) == (3, 4, 2)
    for job in range(3):
        store.apply(Queued(job))
    (group,) = groups(store)
    assert (group.jobs, group.tries) == (0, 4)


def test_where_all_newest_jobs_are_wanted_again_an_older_one_is_the_example() -> None:
    store = store_of(40)
    for job in range(40):
        fail(store, job, "500 boom")
    for job in range(39, 2, -1):
        store.apply(Queued(job))
    (group,) = groups(store)
    assert group.jobs == 3
    assert set(group.examples) <= {0, 1, 2}
    assert group.examples


def test_a_job_that_failed_without_a_try_is_of_no_class_and_has_none() -> None:
    store = store_of(2)
    store.apply(failure(0, "p.txt:2: changed"))
    (group,) = groups(store)
    assert (group.kind, group.jobs, group.tries, group.keys) == (ErrorClass.OTHER, 1, 0, ())


def test_a_job_that_fails_for_another_reason_than_its_last_try_is_in_the_group_of_that_reason() -> None:
    store = store_of(1)
    store.apply(tried(0, "500 boom", status=500))
    store.apply(failure(0, "lost 3 times with its worker"))
    assert {(group.name, group.jobs, group.tries) for group in groups(store)} == {
        ("boom", 0, 1),
        ("lost * times with its worker", 1, 0),
    }


def test_an_answer_that_breaks_its_schema_is_a_failed_try_until_the_job_is_wanted_again() -> None:
    store = store_of(1)
    row = ResultRow(0, "0", "invalid", "{}", key="9bc0", attempts=1, error="no x", latency_s=0.1)
    store.apply(Saved(row))
    (group,) = groups(store)
    assert (group.kind, group.jobs, group.tries, group.keys) == (ErrorClass.INVALID, 1, 1, (("9bc0", 1),))
    store.apply(Queued(0))
    assert groups(store) == ()
    assert store.errors.tries == 0


def test_the_groups_of_a_key_are_those_that_it_has_a_part_in_and_name_it_first() -> None:
    store = store_of(40)
    for job in range(40):
        store.apply(tried(job, "500 boom", status=500, key=f"key-{job % 39}"))
    store.apply(tried(0, "429 slow", "throttle", 429, key="key-1"))
    (group,) = groups(store, "key-38")
    assert group.keys[0] == ("key-38", 1)
    assert len(group.keys) + group.more_keys == 39
    assert len(groups(store, "key-1")) == 2
    assert groups(store, "of nobody") == ()


def test_a_server_that_never_says_the_same_twice_does_not_fill_the_memory() -> None:
    store = store_of(3)
    words = ("".join(chr(97 + number // 26**place % 26) for place in range(4)) for number in range(30_000))
    for word in words:
        store.apply(tried(0, f"500 {word}", status=500))
    found = groups(store)
    assert len(found) == 200
    assert found[0].name == "(more kinds of message)"
    assert found[0].tries == 29_000
    assert store.errors.tries == 30_000
    store.apply(failure(0, "500 zzzz zzz"))
    assert groups(store)[0].jobs == 1


def test_when_it_happened_is_told_from_the_start_of_the_run_on() -> None:
    now = [0.0]
    store = Store(JobColumns(4, range(4)), lambda: now[0])
    for job, at in enumerate((3.0, 900.0, 901.0)):
        now[0] = at
        store.apply(tried(job, "500 boom", status=500))
    (group,) = store.errors.groups(store.run_clock())
    assert (group.first_s, group.last_s) == (3.0, 901.0)
    assert (len(group.spark), group.spark[0], group.spark[-1]) == (8, 1, 2)
    series = store.errors.series(store.run_clock())
    assert sum(series.per_s) * series.step_s == 3


def test_the_class_of_a_job_outlives_what_made_it_good() -> None:
    store = store_of(1)
    store.apply(tried(0, "429 slow", "throttle", 429))
    store.apply(done(0))
    assert store.columns.failure[0] == CLASSES[ErrorClass.THROTTLED]


@given(st.lists(st.floats(0.0, 1e9), max_size=50), st.integers(1, 12))
def test_a_tally_loses_nothing_however_long_the_run(times: list[float], cells: int) -> None:
    tally = Tally(16)
    for at in times:
        tally.add(at)
    until = max(times, default=0.0)
    assert sum(tally.counts(until)) == sum(tally.spread(until, cells)) == len(times)
    assert len(tally.counts(until)) <= 16


@given(st.lists(st.floats(0.0, 1e9), max_size=50), st.floats(0.0, 1e9))
def test_a_tally_of_a_long_run_is_shown_in_few_steps_however_long_nothing_has_failed(
    times: list[float], quiet_s: float
) -> None:
    tally = Tally(16)
    for at in times:
        tally.add(at)
    until = max(times, default=0.0) + quiet_s
    step_s, counts = tally.coarse(until)
    assert sum(counts) == tally.total == len(times)
    assert len(counts) <= 16 and (len(counts) - 1) * step_s <= until < len(counts) * step_s


STEPS = st.tuples(
    st.integers(0, 5), st.sampled_from(["try", "fail", "done", "again", "invalid"]), st.integers(0, 3)
)


class Naive:
    """Counts by looking at everything that ever happened."""

    def __init__(self) -> None:
        self.tries: list[tuple[int, int, str]] = []
        self.ended: dict[int, tuple[str, int]] = {}

    def counts(self) -> dict[str, tuple[int, int]]:
        tries: Counter[str] = Counter(f"error {error}" for _, error, _ in self.tries)
        jobs: Counter[str] = Counter()
        for state, error in self.ended.values():
            if state == "failed":
                jobs[f"error {error}"] += 1
            elif state == "invalid":
                jobs["no x"] += 1
                tries["no x"] += 1
        return {name: (jobs[name], tries[name]) for name in tries | jobs if tries[name] or jobs[name]}

    def made_good(self) -> int:
        return sum(self.ended.get(job, ("", 0))[0] == "done" for job, *_ in self.tries)


@given(st.lists(STEPS, max_size=60))
def test_counts_are_those_of_a_naive_count_whatever_happens(steps: Sequence[tuple[int, str, int]]) -> None:
    store, naive = store_of(6), Naive()
    for job, step, error in steps:
        has_ended = JobState(store.columns.state[job]).ended
        text = f"{500 + error} error {'abcd'[error]}"
        if step == "again":
            if has_ended:
                store.apply(Queued(job))
                naive.ended.pop(job)
            continue
        if has_ended:
            continue
        store.apply(Taken(job, 0.0, fresh=False))
        store.apply(Sent(job, "a1f2", 1, 0.0))
        if step in ("try", "fail"):
            store.apply(tried(job, text, status=500 + error))
            naive.tries.append((job, error, "a1f2"))
        if step == "try":
            store.apply(RetryScheduled(job, text, counted=True))
        elif step == "fail":
            store.apply(failure(job, text))
            naive.ended[job] = "failed", error
        elif step == "done":
            store.apply(done(job))
            naive.ended[job] = "done", error
        else:
            store.apply(Saved(ResultRow(job, "x", "invalid", "{}", key="a1f2", attempts=1, error="no x")))
            naive.ended[job] = "invalid", error
        found = groups(store)
        counted = {group.name: (group.jobs, group.tries) for group in found}
        letters = {f"error {number}": f"error {'abcd'[number]}" for number in range(4)}
        assert counted == {letters.get(name, name): each for name, each in naive.counts().items()}
        assert store.errors.made_good == naive.made_good()
        assert store.errors.tries == sum(group.tries for group in found)
        assert all(sum(tries for _, tries in group.keys) == group.tries for group in found)
        assert all(set(group.examples) <= set(store.errors.jobs(group.id)) for group in found if group.jobs)


def test_no_job_is_looked_at_to_count_and_show_groups() -> None:
    """So a look costs the same for ten jobs and for a million."""
    store = store_of(1000)
    for job in range(0, 1000, 10):
        fail(store, job, f"{400 + job % 50} refused", status=400 + job % 50)
    before = groups(store)
    store.columns.state = bytearray()
    assert groups(store) == before
    assert sum(group.jobs for group in before) == 100


def test_a_failure_that_was_seen_before_is_grouped_without_looking_at_its_words() -> None:
    """So a million tries that fail cost a million look-ups, no more."""
    grouping = ErrorNumbers()
    first = grouping.number("transient", 500, None, "500 boom")
    looked = len(grouping.keys)
    assert {grouping.number("transient", 500, None, "500 boom") for _ in range(100)} == {first}
    assert len(grouping.keys) == looked == 1
