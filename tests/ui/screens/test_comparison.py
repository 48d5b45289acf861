"""Two runs on a screen: what is shown, which keys do what, at any size and with any text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.comparison import (
    NOTHING_READ,
    ComparedRun,
    PairSort,
    PairsView,
    Piece,
)
from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.answer_pane import AnswerPane
from llmdash.ui.panels.compared_figures import ChangesPanel, FiguresPanel
from llmdash.ui.screens.comparison import ComparisonScreen
from llmdash.ui.screens.help import HelpScreen
from llmdash.ui.tables.pair_table import PairTable
from tests.test_sanitize import steers
from tests.ui.compared import TOTALS, FakeComparison
from tests.ui.waiting import until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines

SHIPPED = Path(__file__).parents[3] / "themes"
SIZES = [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)]


@asynccontextmanager
async def shown(
    source: FakeComparison, size: tuple[int, int] = (120, 36), view: PairsView | None = None
) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(comparison=source, compared=view, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await seen(pilot, source)
        yield pilot


async def seen(pilot: Pilot[Any], source: FakeComparison) -> None:
    """Wait until what is wanted now is on screen."""
    await until(pilot, lambda: source.views and source.views[-1] == table(pilot).view)
    await pilot.pause()


async def press(pilot: Pilot[Any], source: FakeComparison, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await seen(pilot, source)


def table(pilot: Pilot[Any]) -> PairTable:
    return pilot.app.screen_stack[0].query_one(PairTable)


def screen_text(pilot: Pilot[Any]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def test_it_shows_figures_changes_prompts_and_both_answers() -> None:
    async with shown(FakeComparison()) as pilot:
        text = screen_text(pilot)
        for words in ("arithmetic-small · gpt-4o-mini", "10,000 prompts in both", "✓ compared", "94.80%"):
            assert words in text
        for words in ("better p < 0.001", "cost of 1,000", "same text 84.6%", "add-0000", "1–", "of 1,604"):
            assert words in text
        assert '"result": [-65-]}' in text
        assert '"result": {+56+}}' in text
        assert "expected 65" in text


async def test_a_number_shows_one_kind_of_change_and_again_all() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await press(pilot, source, "1")
        assert table(pilot).view.changes == {PairChange.WORSE}
        assert "━ right → wrong · input order ━┓" in screen_text(pilot)
        await press(pilot, source, "1")
        assert table(pilot).view.changes == CHANGED
        await press(pilot, source, "9")
        assert table(pilot).view.changes == {PairChange.ONLY_A, PairChange.ONLY_B}
        assert "Run A has no outcome of this prompt." in screen_text(pilot)
        await press(pilot, source, "a")
        assert table(pilot).view.changes == frozenset(PairChange)
        await press(pilot, source, "0")
        assert table(pilot).view.changes == CHANGED


async def test_where_no_prompt_changed_it_says_how_all_are_shown() -> None:
    async with shown(FakeComparison(rows=0), (80, 24)) as pilot:
        assert "No prompt changed so: a shows them all" in screen_text(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "No prompt changed" not in screen_text(pilot))


async def test_it_begins_with_the_changes_that_were_asked_for() -> None:
    source = FakeComparison()
    async with shown(source, view=PairsView(frozenset({PairChange.LOST}))) as pilot:
        assert table(pilot).view.changes == {PairChange.LOST}
        assert "500 server error" in screen_text(pilot)


async def test_a_click_on_a_kind_shows_it() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await pilot.click("#changes", offset=(6, 7))
        await seen(pilot, source)
        assert table(pilot).view.changes == {PairChange.TEXT}
        await pilot.click("#changes", offset=(6, 10))
        assert table(pilot).view.changes == {PairChange.TEXT}


async def test_orders_go_round_and_turn() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        for sort in [*list(PairSort)[1:], PairSort.INPUT]:
            await press(pilot, source, "s")
            assert table(pilot).view.sort is sort
        await press(pilot, source, "i")
        assert table(pilot).view.reverse
        table(pilot).header_clicked("latency")
        assert (table(pilot).view.sort, table(pilot).view.reverse) == (PairSort.LATENCY, False)
        table(pilot).header_clicked("latency")
        assert table(pilot).view.reverse
        table(pilot).header_clicked("a")
        assert table(pilot).view.sort is PairSort.LATENCY


async def test_the_cursor_decides_whose_answers_are_shown() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await press(pilot, source, "down", "down", "down", "down")
        assert table(pilot).view.inspect == 4
        assert "500 server error" in screen_text(pilot)
        await press(pilot, source, "end")
        assert table(pilot).view.inspect == source.rows - 1
        assert f"add-{source.rows - 1}" in screen_text(pilot)


async def test_a_million_rows_are_asked_for_a_page_at_a_time() -> None:
    source = FakeComparison(rows=1_000_000)
    async with shown(source) as pilot:
        await press(pilot, source, "end", "pageup", "home", "pagedown")
        assert max(view.height for view in source.views) < 200
        assert "of 1,000,000" in screen_text(pilot)


async def test_a_part_of_an_id_filters_and_escape_shows_all_again() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await pilot.press("slash")
        await pilot.press(*"42")
        await seen(pilot, source)
        assert table(pilot).view.text == "42"
        assert "/42" in screen_text(pilot)
        await pilot.press("enter")
        assert table(pilot).has_focus
        await press(pilot, source, "escape")
        assert table(pilot).view.text == ""
        assert not pilot.app.screen.query_one(Input).has_focus


async def test_enter_gives_the_answers_room_and_takes_it_back() -> None:
    source = FakeComparison()
    async with shown(source, (80, 24)) as pilot:
        pane = pilot.app.screen.query_one("#answer-a")
        before = pane.size.height
        await press(pilot, source, "enter")
        assert pane.size.height > 2 * before
        await press(pilot, source, "enter")
        assert pane.size.height == before


async def test_an_export_is_asked_for_once_and_reported_once() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await press(pilot, source, "2", "e", "down", "up")
        assert [view.changes for view in source.exported] == [{PairChange.BETTER}]
        assert [toast.message for toast in pilot.app._notifications].count("229 rows in comparison.csv") == 1


async def test_an_export_that_takes_a_while_is_reported_though_no_key_is_pressed() -> None:
    source = FakeComparison(export_takes=3)
    async with shown(source) as pilot:
        asked = len(source.views)
        await pilot.press("e")
        await until(pilot, lambda: pilot.app._notifications)
        assert [toast.message for toast in pilot.app._notifications] == ["1604 rows in comparison.csv"]
        assert len(source.views) > asked + source.export_takes


async def test_progress_is_shown_until_all_is_read_and_then_nothing_is_asked_for() -> None:
    source = FakeComparison(totals=replace(TOTALS, complete=False), progress=0.34)
    async with shown(source) as pilot:
        assert "comparing  34%" in screen_text(pilot)
        asked = len(source.views)
        await until(pilot, lambda: len(source.views) > asked + 2)
        source.totals = TOTALS
        await until(pilot, lambda: "compared" in screen_text(pilot))
        await pilot.pause()
        asked = len(source.views)
        await pilot.pause(0.4)
        assert len(source.views) == asked


async def test_nothing_read_yet_and_a_journal_that_cannot_be_read_are_told() -> None:
    source = FakeComparison(rows=0, totals=NOTHING_READ)
    async with shown(source) as pilot:
        assert "0 prompts in both" in screen_text(pilot)
        await press(pilot, source, "down", "end", "enter")
        source.problem = "b/journal.sqlite: the journal cannot be read; see: llmdash doctor b"
        await until(pilot, lambda: "llmdash doctor b" in screen_text(pilot))
        assert "✖ cannot be read" in screen_text(pilot)


async def test_what_should_be_known_first_has_its_line() -> None:
    bare = ComparedRun("bare", has_texts=False)
    source = FakeComparison(runs=(bare, bare), a=(), b=())
    async with shown(source) as pilot:
        assert "A keeps no texts" in screen_text(pilot)


@pytest.mark.parametrize(("cut", "marked"), [(9_980_000, True), (0, False)])
async def test_what_is_cut_or_not_marked_says_so(cut: int, marked: bool) -> None:
    async with shown(FakeComparison(cut=cut, marked=marked), (120, 40)) as pilot:
        assert ("… and 9,980,000 more characters, not compared" in screen_text(pilot)) is bool(cut)
        assert ("too much differs" in screen_text(pilot)) is not marked


async def test_every_key_is_in_the_help_and_the_palette_opens() -> None:
    source = FakeComparison()
    async with shown(source) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and pilot.app.screen.is_mounted)
        text = "\n".join(str(each.render()) for each in pilot.app.screen.query(Static))
        for words in (
            "right → wrong",
            "only in one",
            "again, all changes",
            "Export",
            "All prompts",
            "Sort",
            "Reverse",
        ):
            assert words in text
        await pilot.press("escape")
        await pilot.press("ctrl+p")
        await pilot.pause()


async def test_over_another_screen_escape_goes_back_to_that() -> None:
    async with shown(FakeComparison()) as pilot:
        pilot.app.push_screen(ComparisonScreen(FakeComparison()))
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2 and pilot.app.screen.is_mounted)
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


@pytest.mark.parametrize("size", SIZES)
async def test_any_size_has_room_for_prompts_and_answers(size: tuple[int, int]) -> None:
    async with shown(FakeComparison(), size) as pilot:
        screen = pilot.app.screen
        assert table(pilot).page_rows >= 2
        assert all(pane.size.height >= 2 for pane in screen.query(AnswerPane))
        if size >= (80, 24):
            assert table(pilot).page_rows >= 5
            assert lines(screen.query_one(FiguresPanel))[1].startswith("right")
            assert "9 only in one" in "\n".join(lines(screen.query_one(ChangesPanel)))
        regions = [widget.region for widget in screen.children if widget.display]
        assert not any(a.overlaps(b) for at, a in enumerate(regions) for b in regions[:at])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_texts_are_shown_and_steer_nothing(text: str) -> None:
    size = (80, 24)
    short = text[:20_000]
    source = FakeComparison(
        name=short.replace("{", "").replace("}", "") + "{}",
        a=(Piece(short, True), Piece("x", False)),
        b=(Piece("x", False), Piece(short, True)),
        error=short,
        expected=short,
        runs=(ComparedRun(short, short), ComparedRun(short, short)),
    )
    async with shown(source, size) as pilot:
        await press(pilot, source, "down", "down", "enter")
        assert_drawn_safely(table(pilot))
        for strip in pilot.app.screen._compositor.render_strips():
            assert strip.cell_length == size[0]
            for segment in strip:
                assert segment.control or not steers(segment.text), repr(segment.text)
