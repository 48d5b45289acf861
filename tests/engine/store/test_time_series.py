"""Series over the run."""

from __future__ import annotations

import pytest

from llmdash.engine.model.frame import SeriesPart
from llmdash.engine.store.time_series import SeriesSpan, TimeSeries


def test_without_requests_there_is_nothing_to_plot() -> None:
    plots = TimeSeries()
    plots.sample(5.0, 3)
    assert plots.part(10) == SeriesPart()


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
    times = (0.25, 0.5, 0.75)
    assert plots.part(3) == SeriesPart(
        1.0, (1.0, 2.0, 3.0), (1.0, 2.0, 3.0), (10.0, 20.0, 30.0), times, times
    )
    assert plots.part(0).rate == ()
    assert plots.part(99).rate == (1.0, 1.0, 2.0, 3.0)


@pytest.mark.parametrize("seconds", [599, 601, 5_000, 100_000])
def test_a_long_run_keeps_its_sums_in_few_steps(seconds: int) -> None:
    plots = TimeSeries()
    every = max(1, seconds // 2_000)
    for second in range(0, seconds, every):
        plots.sent(float(second))
    plots.sent(float(seconds) + 1_024.0)
    part = plots.part(1_000)
    assert len(part.rate) <= 600
    assert sum(part.rate) * part.step_s == pytest.approx(len(range(0, seconds, every)))


def test_a_clock_that_leaps_a_year_costs_no_more_than_a_few_steps() -> None:
    plots = TimeSeries()
    plots.sent(0.0)
    plots.sent(3.2e7)
    plots.sent(-5.0)
    assert len(plots.part(10_000).rate) <= 600


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
