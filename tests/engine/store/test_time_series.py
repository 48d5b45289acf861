"""Series over the run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import SeriesPart
from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import AnswerTimes, Timing
from llmdash.engine.model.view import SeriesView
from llmdash.engine.store.series_steps import SeriesSpan, Setting
from llmdash.engine.store.time_series import TimeSeries


def test_without_requests_there_is_nothing_to_plot() -> None:
    plots = TimeSeries()
    plots.sample(5.0, 3)
    assert plots.part(SeriesView(10)) == SeriesPart()


def test_each_step_holds_what_happened_in_its_second() -> None:
    """The step that is still filling is left out."""
    plots = TimeSeries()
    plots.sent(100.0)
    for second in range(1, 5):
        for _ in range(second):
            plots.sent(100.0 + second)
        plots.first_token(100.5 + second, 0.25 * second)
        plots.tokens(100.5 + second, 10 * second)
        plots.sample(100.9 + second, second)
    part = plots.part(SeriesView(3, begin_s=101.0))
    assert (part.step_s, part.begin_s, part.end_s) == (1.0, 101.0, 104.0)
    assert (part.rate, part.in_flight) == ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))
    assert part.tokens_per_s == (10.0, 20.0, 30.0)
    assert part.ttft.p50 == part.ttft.p95 == (0.25, 0.5, 0.75)
    assert plots.part(SeriesView(0)).rate == ()
    assert plots.part(SeriesView(99)).rate == (1.0, 1.0, 2.0, 3.0)


@pytest.mark.parametrize("seconds", [599, 601, 5_000, 100_000])
def test_a_long_run_keeps_its_sums_in_few_steps(seconds: int) -> None:
    plots = TimeSeries()
    every = max(1, seconds // 2_000)
    for second in range(0, seconds, every):
        plots.sent(float(second))
    plots.sent(float(seconds) + 1_024.0)
    part = plots.part(SeriesView(1_000))
    assert len(part.rate) <= 600
    assert sum(part.rate) * part.step_s == pytest.approx(len(range(0, seconds, every)))


def test_a_clock_that_leaps_a_year_costs_no_more_than_a_few_steps() -> None:
    plots = TimeSeries()
    plots.sent(0.0)
    plots.sent(3.2e7)
    plots.sent(-5.0)
    assert len(plots.part(SeriesView(10_000)).rate) <= 600


def test_the_record_goes_to_the_end_though_nothing_happened_in_the_last_seconds() -> None:
    """As where a machine stood still until the run was stopped: a resume goes on with the time on record."""
    plots = TimeSeries()
    assert plots.rest(3.0) == []
    plots.sent(0.25)
    plots.sample(0.5, 6)
    (first,) = plots.seconds(2.75)
    assert (first.start_s, first.end_s, first.sent) == (0.25, 1.25, 1)
    assert plots.rest(2.75) == [SeriesSpan(1.25, 2.75, in_flight=6)]
    again = TimeSeries()
    again.restore([first, SeriesSpan(1.25, 2.75, in_flight=6)])
    assert again.rest(2.75) == []
    assert [(span.start_s, span.end_s) for span in again.rest(4.0)] == [(2.75, 4.0)]


def filled(seconds: int) -> TimeSeries:
    plots = TimeSeries()
    for second in range(seconds):
        plots.sent(second + 0.5)
        plots.answered(second + 0.75, AnswerTimes.of(0.25, 1.0 + second, 9, 0.5))
        plots.sample(second + 0.9, second)
        plots.set_to(second + 0.5, Setting(10.0 + second, 64, Binding.RATE))
    return plots


def test_a_run_is_set_as_it_was_through_seconds_in_which_nothing_happens() -> None:
    plots = TimeSeries()
    for second in (0, 1, 2, 6, 7):
        plots.sent(second + 0.5)
        for span in plots.seconds(second + 0.5):
            plots.set_to(span.start_s, Setting(20.0, 64, Binding.RATE))
    assert plots.part(SeriesView(100)).set_rate == (20.0,) * 7


@pytest.mark.parametrize("width", [1, 2, 7, 50, 99, 100, 1_000])
def test_a_view_has_no_more_steps_than_it_asks_for_and_they_hold_all(width: int) -> None:
    part = filled(101).part(SeriesView(width, times=tuple(Timing)))
    assert len(part.rate) <= width
    assert part.step_s in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
    lengths = [part.step_s] * (len(part.rate) - 1)
    lengths.append(part.end_s - part.begin_s - sum(lengths))
    assert sum(rate * length for rate, length in zip(part.rate, lengths, strict=True)) == pytest.approx(100)
    columns = (part.in_flight, part.set_rate, part.binding, part.latency.p50, part.waited.p99, part.tps.p95)
    assert {len(column) for column in columns} == {len(part.rate)}


@given(st.floats(-1e9, 1e9), st.one_of(st.none(), st.floats(-1e9, 1e9)), st.integers(-5, 300))
def test_a_window_anywhere_shows_what_there_is_of_it(begin_s: float, end_s: float | None, width: int) -> None:
    part = SERIES.part(SeriesView(width, begin_s, end_s))
    assert len(part.rate) <= max(0, width)
    assert all(rate == pytest.approx(1.0) for rate in part.rate)
    if part.rate and end_s is not None:
        assert part.begin_s <= max(begin_s, 0.5)


SERIES = filled(101)


def test_the_window_between_two_moments_is_whole_steps() -> None:
    part = SERIES.part(SeriesView(100, 20.5, 30.5))
    assert (part.begin_s, part.rate) == (20.5, (1.0,) * 10)
    assert part.set_rate == tuple(float(rate) for rate in range(30, 40))
    assert part.latency.p50 == tuple(float(second) for second in range(21, 31))


def test_a_run_that_has_ended_shows_its_last_moments_too() -> None:
    plots = TimeSeries()
    plots.sent(0.5)
    plots.sent(0.6)
    assert plots.part(SeriesView(9)).rate == ()
    whole = plots.whole(SeriesView(9), 1.3)
    assert (whole.rate, whole.end_s) == ((2 / 0.8,), 1.3)
    assert plots.whole(SeriesView(9), 0.5001).rate == (4.0,), "not a peak out of nothing"


def test_what_is_late_is_still_counted_in_merged_steps() -> None:
    plots = filled(20)
    before = plots.part(SeriesView(5))
    plots.tokens(19.6, 70)
    plots.sent(20.6)
    assert sum(plots.part(SeriesView(5)).tokens_per_s) > sum(before.tokens_per_s)


def test_times_that_are_not_asked_for_are_left_out() -> None:
    part = SERIES.part(SeriesView(100, times=(Timing.ITL,)))
    assert part.latency.p50 == part.ttft.p50 == ()
    assert len(part.itl.p50) == len(part.rate)


_HAPPENED = st.tuples(
    st.sampled_from(["sent", "tokens", "sample", "ttft", "set", "look"]),
    st.floats(-1.5, 3.0),
    st.integers(1, 9),
)


def _happen(plots: TimeSeries, what: str, at: float, amount: int) -> None:
    match what:
        case "sent":
            plots.sent(at)
        case "tokens":
            plots.tokens(at, amount)
        case "sample":
            plots.sample(at, amount)
        case "ttft":
            plots.first_token(at, float(amount))
        case "set":
            plots.set_to(at, Setting(float(amount), amount))


@given(happened=st.lists(_HAPPENED, max_size=60), is_over=st.booleans())
def test_what_was_shown_before_changes_nothing_of_what_is_shown(
    happened: list[tuple[str, float, int]], *, is_over: bool
) -> None:
    """What is remembered of a picture is that of a run that nobody has looked at before."""
    watched, unwatched, now = TimeSeries(), TimeSeries(), 100.0
    views = SeriesView(7), SeriesView(1_000)
    for what, later_s, amount in happened:
        at = now + later_s
        now = max(now, at)
        for plots in (watched, unwatched):
            _happen(plots, what, at, amount)
        for view in views if what == "look" else views[:1]:
            watched.whole(view, now) if is_over else watched.part(view)
        assert watched.total_sent() >= 0
    for view in views:
        assert watched.part(view) == unwatched.part(view)
        assert watched.whole(view, now) == unwatched.whole(view, now)
    assert watched.total_sent() == unwatched.total_sent()
    assert watched.total_tokens() == unwatched.total_tokens()
    assert watched.peak_in_flight() == unwatched.peak_in_flight()
