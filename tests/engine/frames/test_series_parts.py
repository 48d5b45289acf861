"""The series and timings of a frame: what a view asks for, and how often it is computed."""

from __future__ import annotations

from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.frames.series_parts import SeriesParts
from llmdash.engine.model.series import MarkKind
from llmdash.engine.model.timings import AnswerTimes, Grouping
from llmdash.engine.model.view import SeriesView, TimingView
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store
from llmdash.engine.store.timings import Source

FACTS = RunFacts("run", "m", "e", 1)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def store(clock: Clock) -> Store:
    return Store(JobColumns(3, range(3)), clock)


def test_timings_are_computed_again_for_another_view_at_once_and_else_twice_a_second() -> None:
    clock = Clock()
    of = store(clock)
    parts, view = SeriesParts(FACTS, of), TimingView(Grouping.KEY)
    assert parts.timings(None, clock.now) is None
    first = parts.timings(view, clock.now)
    of.timings.add(Source("a", "e", "m"), AnswerTimes(latency_s=1.0))
    assert parts.timings(view, clock.now + 0.3) is first
    model = parts.timings(TimingView(Grouping.MODEL), clock.now + 0.3)
    assert model is not None
    assert model.whole.answers == 1
    later = parts.timings(view, clock.now + 0.31)
    assert later is not None
    assert [row.name for row in later.rows] == ["a"]


def test_a_view_of_no_width_costs_nothing_and_one_of_a_part_has_the_marks_of_that_part() -> None:
    clock = Clock()
    of = store(clock)
    of.run_clock()
    for second in range(30):
        of.time_series.sent(second + 0.25)
    of.marks.see(1.0, "rate", None, "5")
    of.marks.see(3.0, "rate", None, "6")
    of.marks.see(20.0, "rate", None, "7")
    parts = SeriesParts(FACTS, of)
    assert parts.series(SeriesView(0), is_over=False).rate == ()
    part = parts.series(SeriesView(100, 10.0, 25.0), is_over=False)
    assert [(mark.kind, mark.detail) for mark in part.marks] == [(MarkKind.SLIDE, "6→7/s")]
    assert part.begin_s <= 10.0
    assert part.begin_s + len(part.rate) >= 25.0
