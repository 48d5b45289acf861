"""A clock that was set while a run was at work changes nothing of its replay."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.runs.replay.axis import axis_of
from llmdash.runs.replay.clock_steps import steadied
from llmdash.runs.replay.tracks import NEVER

AT = 1_700_000_000.0
DAY = 86_400.0


class Run(NamedTuple):
    """When the clock was set, in seconds at work, and by how much; `pauses_s` are the seconds before each
    stretch of work, `works_s` how long these are. The clock may be set before a stretch as well.
    """

    pauses_s: Sequence[float]
    works_s: Sequence[float]
    steps: Sequence[tuple[float, float]]

    def record(self) -> tuple[list[SampleRow], list[MomentRow]]:
        """What the journal has of it: a sample a second, at times that ascend, and the moments."""
        samples: list[SampleRow] = []
        moments = [MomentRow(AT, "begun", None, "0.000")]
        active_s = since_s = 0.0
        for pause_s, work_s in zip(self.pauses_s, self.works_s, strict=True):
            since_s += pause_s
            moments.append(MomentRow(self.clock(active_s, since_s), "work", "on", f"{active_s:.6f}"))
            for second in range(1, int(work_s) + 1):
                at = self.clock(active_s + second, since_s)
                at = max(at, samples[-1].at + 1e-3) if samples else at
                samples.append(SampleRow(at, active_s + second, 1, 1))
            active_s += work_s
            moments.append(MomentRow(self.clock(active_s, since_s), "work", "off", f"{active_s:.6f}"))
        moments.append(MomentRow(moments[-1].at, "ended", None, "done"))
        return samples, moments

    def clock(self, active_s: float, pauses_s: float) -> float:
        """The time after so many seconds at work and so many of pauses, as the clock has it."""
        return AT + active_s + pauses_s + sum(by for after, by in self.steps if after < active_s)

    @property
    def length_s(self) -> float:
        return sum(self.works_s)


def is_seen(run: Run) -> bool:
    """True if no steps that follow each other add up to less than what shows on the clock."""
    steps = [by for _, by in sorted(run.steps)]
    return all(abs(sum(steps[i:j])) > 1.01 for j in range(len(steps) + 1) for i in range(j))


def moves_only_forwards(run: Run) -> Run:
    return run._replace(steps=[(after, abs(by)) for after, by in run.steps])


stretches = st.integers(1, 5).flatmap(
    lambda number: st.tuples(
        st.lists(st.floats(0.5, DAY), min_size=number, max_size=number),
        st.lists(st.integers(3, 40).map(float), min_size=number, max_size=number),
    )
)
jumps = st.floats(1.5, 400 * DAY).flatmap(lambda by: st.sampled_from([by, -by]))
runs = stretches.flatmap(
    lambda both: st.builds(
        Run,
        st.just(both[0]),
        st.just(both[1]),
        st.lists(st.tuples(st.floats(0.0, sum(both[1])), jumps), max_size=4),
    )
).filter(is_seen)


@settings(deadline=None, max_examples=200)
@given(runs)
def test_it_plays_as_long_as_the_run_was_at_work(run: Run) -> None:
    samples, moments = run.record()
    _, samples_again, moments_again = steadied(samples, moments)
    axis = axis_of(samples_again, moments_again, (), (), 0.0)
    assert axis.length_s == pytest.approx(run.length_s, abs=0.06 * len(run.works_s))
    for times in ([row.at for row in samples_again], [row.at for row in moments_again]):
        assert times == sorted(times)
    for row in samples_again:
        assert axis.position(row.at) == pytest.approx(row.active_s, abs=0.06 * len(run.works_s))


@settings(deadline=None, max_examples=200)
@given(runs.map(moves_only_forwards), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_where_no_time_comes_twice_each_is_where_it_was(run: Run, shares: list[float]) -> None:
    """But for what was within a second of a step: when in it the clock was set is not on record."""
    steps, samples, moments = steadied(*run.record())
    axis = axis_of(samples, moments, (), (), 0.0)
    active_s = since_s = 0.0
    for pause_s, work_s in zip(run.pauses_s, run.works_s, strict=True):
        since_s += pause_s
        for share in shares:
            now_s = active_s + share * work_s
            if all(abs(now_s - after) > 1.01 for after, _ in run.steps):
                position = axis.position(steps.steady(run.clock(now_s, since_s)))
                assert position == pytest.approx(now_s, abs=0.06 * len(run.works_s))
        active_s += work_s


@given(runs.map(lambda run: run._replace(steps=[])))
def test_a_clock_that_was_never_set_leaves_everything_as_it_is(run: Run) -> None:
    samples, moments = run.record()
    steps, *rows = steadied(samples, moments)
    assert rows == [samples, moments]
    times = array("d", [AT - 5.0, AT + 0.123, NEVER])
    steps.place(times)
    assert times == array("d", [AT - 5.0, AT + 0.123, NEVER])


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e10), st.floats(0.0, 1e6)), max_size=8).map(sorted),
    st.lists(
        st.builds(
            MomentRow,
            st.floats(-1e9, 1e10),
            st.sampled_from(["begun", "work", "state"]),
            st.sampled_from([None, "on", "off"]),
            st.sampled_from([None, "", "x", "-1", "inf", "nan", "0", "3.5", "7"]),
        ),
        max_size=12,
    ),
)
def test_whatever_is_on_record_comes_out_in_order(
    looks: list[tuple[float, float]], moments: list[MomentRow]
) -> None:
    samples = [SampleRow(at, active_s, 1, 1) for at, active_s in looks]
    steps, samples_again, moments_again = steadied(samples, moments)
    assert (len(samples_again), len(moments_again)) == (len(samples), len(moments))
    assert [row[1:] for row in moments_again] == [row[1:] for row in moments]
    times = array("d", [at for at, _ in looks])
    steps.place(times)
    assert list(times) == [steps.steady(at) for at, _ in looks]
    if list(moments_again) != moments:
        times_again = [row.at for row in moments_again]
        assert times_again == sorted(times_again)


def test_of_a_time_that_comes_twice_the_first_counts() -> None:
    """The clock is set back by four seconds after ten of twenty."""
    run = Run([0.5], [20.0], [(10.0, -4.0)])
    steps, samples, moments = steadied(*run.record())
    axis = axis_of(samples, moments, (), (), 0.0)
    assert axis.position(steps.steady(run.clock(8.0, 0.5))) == pytest.approx(8.0)
    assert axis.position(steps.steady(run.clock(12.0, 0.5))) == pytest.approx(8.0)
    assert axis.position(steps.steady(run.clock(18.0, 0.5))) == pytest.approx(18.0)
    assert axis.length_s == pytest.approx(20.0)


def test_a_start_that_goes_on_with_less_time_than_was_at_work_is_no_clock_that_was_set() -> None:
    """The process of the first one was killed at rest, before its last seconds were in a sample."""
    moments = [
        MomentRow(AT, "begun", None, "0.000"),
        MomentRow(AT, "work", "on", "0.000000"),
        MomentRow(AT + 2.9, "work", "off", "2.900000"),
        MomentRow(AT + 9.0, "begun", None, "1.000"),
        MomentRow(AT + 9.0, "work", "on", "1.000000"),
        MomentRow(AT + 9.5, "work", "off", "1.500000"),
    ]
    samples = [SampleRow(AT + 1.0, 1.0, 1, 1), SampleRow(AT + 9.5, 1.5, 1, 1)]
    steps, samples_again, moments_again = steadied(samples, moments)
    assert (samples_again, moments_again) == (samples, moments)
    axis = axis_of(samples, moments, (), (), 0.0)
    assert [axis.position(steps.steady(AT + at)) for at in (2.9, 3.5, 8.9, 9.5)] == pytest.approx(
        [2.9, 2.9, 2.9, 3.4]
    )
