"""Figures change four times a second at most, but what is set shows at once."""

from __future__ import annotations

from dataclasses import replace

from llmdash.engine.model.frame import Frame, KeyRow, RatePart, RunPart, SeriesPart
from llmdash.engine.model.states import Binding, KeyState, RunState
from llmdash.ui.dashboard.figure_pace import FIGURES_S, QUIET_S, FigurePace, PlotPace

FRAME = Frame(run=RunPart(state=RunState.RUNNING, jobs=9), rate=RatePart(20.0, 17.8, 64, 41, Binding.RATE))


def test_figures_are_due_four_times_a_second() -> None:
    now = [0.0]
    pace = FigurePace(lambda: now[0])
    shown = 0
    for step in range(150):
        now[0] = step / 15
        shown += pace.are_due(replace(FRAME, rate=replace(FRAME.rate, achieved=step)))
    assert 36 <= shown <= 41


def test_what_was_set_and_what_binds_is_due_at_once() -> None:
    pace = FigurePace(lambda: 0.0)
    assert pace.are_due(FRAME)
    assert not pace.are_due(FRAME)
    for rate in (replace(FRAME.rate, rate=30.0), replace(FRAME.rate, binding=Binding.PAUSE)):
        assert pace.are_due(replace(FRAME, rate=rate))
    assert FIGURES_S == 0.25


def test_a_key_that_is_in_another_state_or_set_otherwise_is_due_at_once() -> None:
    pace, key = FigurePace(lambda: 0.0), KeyRow("a1f2")
    assert pace.are_due(replace(FRAME, keys=(key,)))
    assert not pace.are_due(replace(FRAME, keys=(replace(key, sent=7, ok=6),)))
    for other in (
        replace(key, state=KeyState.DISABLED),
        replace(key, weight=2.0),
        replace(key, rpm_limit=60),
    ):
        assert pace.are_due(replace(FRAME, keys=(other,)))


def test_the_last_figures_of_a_run_at_rest_are_due() -> None:
    pace = FigurePace(lambda: 0.0)
    done = replace(FRAME, run=replace(FRAME.run, state=RunState.DONE))
    assert pace.are_due(done)
    assert pace.are_due(done)


def plotted(steps: int, changes: int) -> Frame:
    return replace(FRAME, series=SeriesPart(rate=(1.0,) * steps), changes=changes)


def test_plots_grow_by_some_seconds_at_once_while_nothing_happens() -> None:
    now = [0.0]
    pace = PlotPace(lambda: now[0])
    shown = []
    for second in range(21):
        now[0] = float(second)
        shown.append(len(pace.series(plotted(10 + second, changes=7)).rate))
    assert len(set(shown)) == 20 / QUIET_S + 1
    assert len(pace.series(plotted(40, changes=8)).rate) == 40, "something has happened"


def test_plots_that_are_finer_or_of_a_run_on_record_show_at_once() -> None:
    pace = PlotPace(lambda: 0.0)
    for steps, changes in ((0, 7), (3, 7), (80, 7), (30, 0), (31, 0)):
        assert len(pace.series(plotted(steps, changes)).rate) == steps
