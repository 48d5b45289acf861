"""What happened in a run, the newest on top; what leads from there, and from a small plot, to the graphs."""

from __future__ import annotations

import pytest

from llmdash.engine.model.frame import Frame, Mark, MarkKind, RunPart, SeriesPart
from llmdash.engine.model.states import RunState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.charts.graph_board import GraphBoard
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.screens.graphs import GraphsScreen
from llmdash.ui.tables.event_table import EventTable
from llmdash.ui.text.event_words import event_words, events_of
from tests.ui.boards import SHIPPED
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import picture, until
from tests.ui.widget_app import lines


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (Mark(2.0, MarkKind.KEY_DEAD, "c3d4", "401 twice"), "c3d4 dead: 401 twice"),
        (Mark(20.0, MarkKind.SLIDE, "rate", "15→20/s"), "rate 15→20/s"),
        (Mark(20.0, MarkKind.SLIDE, "concurrency", "64→32"), "concurrency 64→32"),
        (Mark(31.0, MarkKind.BURST, "500", "11", 36.0), "11 x 500 in 5s"),
        (Mark(74.0, MarkKind.REST, "77de", "429, no hint", 86.0), "77de rests 12s: 429, no hint"),
        (Mark(90.0, MarkKind.ENDPOINT_DOWN, "a", "503", 95.0), "a down 5s: 503, well again"),
        (Mark(99.0, MarkKind.WORKER_LOST, "w5"), "w5 lost"),
    ],
)
def test_an_event_says_what_it_was_and_why(mark: Mark, words: str) -> None:
    assert event_words(mark) == words


def test_events_begin_with_the_run_and_end_with_it() -> None:
    run = RunPart(state=RunState.DONE, jobs=30, keys=2, done=28, failed=2, elapsed_s=9.0)
    marks = (Mark(3.0, MarkKind.KEY_DEAD, "c3d4"),)
    series = SeriesPart(set_rate=(15.0, 20.0), set_concurrency=(64, 64), marks=marks)
    assert [event.words for event in events_of(Frame(run=run, series=series))] == [
        "done: 28 done, 2 jobs failed",
        "c3d4 dead",
        "begun: 30 jobs, 2 keys, 15.0/s, 64 in flight",
    ]


async def test_events_and_small_plots_lead_to_their_moment_in_the_graphs() -> None:
    session = FakeSession()
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(200, 60)) as pilot:
        table = app.screen.query_one(EventTable)
        await until(pilot, lambda: any("77de rests" in line for line in lines(table)))
        assert lines(table)[0].startswith(" 03:08  ◐  77de rests: 429, the server's hint")
        assert lines(table)[-1].startswith(" 00:00  ▸  begun: 10,000 jobs, 3 keys")
        table.focus()
        await until(pilot, lambda: lines(table)[0].startswith("›03:08"))
        await pilot.press("down", "enter")
        await picture(pilot, session)
        assert isinstance(app.screen, GraphsScreen)
        assert app.screen.query_one(GraphBoard).cursor_s == 74.0
        await pilot.press("escape", "escape")
        plot = app.screen.query_one("#over", MiniPlot)
        drawn = lines(plot)
        second = next(y for y, line in enumerate(drawn) if line.startswith("first token"))
        await pilot.click(plot, offset=(2 + 6 + 20, 1 + second + 2))
        await picture(pilot, session)
        board = app.screen.query_one(GraphBoard)
        assert lines(board)[0].startswith("Time to first token")
        assert sum(line.startswith("In flight") for line in lines(board)) == 0
        assert board.cursor_s == pytest.approx(drawn_at(190.4, 62, 20))


def drawn_at(end_s: float, columns: int, column: int) -> float:
    """The moment of a column on the axis of a run that goes on."""
    column_s = 0.25
    while end_s > column_s * columns:
        column_s *= 2
    return (column + 0.5) * column_s
