"""The keys of the keyboard: others chosen by the user, the key bar of each panel, jumping, and the help."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, Markdown, OptionList, Static

from llmdash.engine.model.commands import Drain, Pause, Resume
from llmdash.engine.model.states import RunState
from llmdash.manual import TOPICS
from llmdash.ui.app import LlmdashApp
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.key_panel import KeyPanel
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.help import GLYPHS, KEYS, HelpScreen
from llmdash.ui.screens.jump import JumpLetter, JumpScreen
from llmdash.ui.screens.leave import LeaveScreen
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.tables.job_table import JobTable
from llmdash.ui.text.glyphs import LEGEND
from tests.ui.fake_session import FakeSession, RestingSession, Scene
from tests.ui.screens.test_comparison import screen_text
from tests.ui.troubles import failures, finished, fleet
from tests.ui.waiting import choose, picture, until

SHIPPED = Path(__file__).parents[3] / "themes"


@asynccontextmanager
async def opened(
    session: FakeSession, keys: Path | None = None, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED, keys_path=keys)
    async with app.run_test(size=size, notifications=True) as pilot:
        await picture(pilot, session)
        yield pilot


def bar(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(KeyBar).render_line(0).text.rstrip()


def begins(pilot: Pilot[Any], words: str) -> bool:
    return bar(pilot).startswith(words)


def said(pilot: Pilot[Any]) -> list[str]:
    return [each.message for each in pilot.app._notifications]


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


# Keys that the user chose.


async def test_a_chosen_key_runs_its_action_and_the_first_one_no_more(keys: Path) -> None:
    write(keys, '[keys]\npause = ["f5", "ctrl+y"]\n')
    session = FakeSession()
    async with opened(session, keys) as pilot:
        assert "f5 Pause" in bar(pilot)
        await pilot.press("p")
        await pilot.press("f5")
        await until(pilot, lambda: session.commands == [Pause()])
        await until(pilot, lambda: "f5 Go on" in bar(pilot))
        await pilot.press("ctrl+y")
        await until(pilot, lambda: session.commands == [Pause(), Resume()])


async def test_a_chosen_key_is_that_of_panel_and_screen_and_in_help_and_palette(
    keys: Path,
) -> None:
    write(keys, '[keys]\nsort = "z"\n')
    session = FakeSession()
    async with opened(session, keys) as pilot:
        await pilot.press("z")
        await until(pilot, lambda: session.views[-1].jobs.sort.value == "#")
        assert "z Sort" in bar(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and pilot.app.screen.is_mounted)
        lists = [str(each.render()) for each in pilot.app.screen.query(".help-keys").results(Static)]
        assert any(line.split()[:2] == ["z", "Sort"] for text in lists for line in text.splitlines())
        await pilot.press("escape", "ctrl+p")
        await choose(pilot, "sort  (z)")


async def test_borders_and_questions_name_the_keys_that_were_chosen(keys: Path) -> None:
    write(keys, '[keys]\ngraphs = "f7"\nleave-it-running = "f8"\nretry-group = "f9"\nsort = "z"\n')
    async with opened(FakeSession(scene=failures()), keys) as pilot:
        await until(pilot, lambda: "f7 whole screen" in screen_text(pilot))
        await pilot.press("e")
        await until(pilot, lambda: "f9  retry the" in screen_text(pilot) and "z sort" in screen_text(pilot))
        pilot.app.push_screen(LeaveScreen())
        await until(pilot, lambda: "⏎ stop   f8 leave running   esc stay" in screen_text(pilot))


async def test_two_actions_can_change_their_keys_for_each_others(keys: Path) -> None:
    write(keys, '[keys]\npause = "e"\nerrors = "p"\n')
    session = FakeSession()
    async with opened(session, keys) as pilot:
        assert "e Pause" in bar(pilot) and "p Errors" in bar(pilot)
        await pilot.press("e")
        await until(pilot, lambda: session.commands == [Pause()])
        await pilot.press("p")
        await until(pilot, lambda: pilot.app.screen.title == "Errors")


async def test_the_key_of_the_palette_can_be_given_away_too(keys: Path) -> None:
    write(keys, '[keys]\npause = "ctrl+p"\npalette = "f2"\n')
    session = FakeSession()
    async with opened(session, keys) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: session.commands == [Pause()])
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))


async def test_a_key_that_is_typed_into_the_slider_is_not_offered_there() -> None:
    async with opened(FakeSession(scene=fleet()), size=(200, 60)) as pilot:
        assert "m Workers" in bar(pilot)
        pilot.app.screen.set_focus(pilot.app.screen.query_one(LogSlider))
        await until(pilot, lambda: "m Workers" not in bar(pilot))
        assert "g Graphs" in bar(pilot)


async def test_what_is_wrong_with_the_keys_is_said_at_the_start_and_the_rest_holds(keys: Path) -> None:
    write(keys, '[keys]\npause = "g"\nwarp = "x"\nwall = "spaec"\nerrors = "f6"\n')
    async with opened(FakeSession(), keys) as pilot:
        await until(pilot, lambda: len(said(pilot)) >= 4)
        words = "\n".join(said(pilot))
        assert f"{keys}:2: pause: g is the key of graphs (Graphs) too" in words
        assert f"{keys}:3: warp: is not an action" in words
        assert f"{keys}:4: wall: 'spaec' is not a key" in words
        await pilot.press("f6")
        await until(pilot, lambda: pilot.app.screen.title == "Errors")


# The key bar.


@pytest.mark.case("screen", "footer-focus")
async def test_the_key_bar_lists_the_keys_of_the_focused_panel_then_those_of_everywhere() -> None:
    async with opened(FakeSession()) as pilot:
        everywhere = "│  p Pause  -+ Rate  e Errors  g Graphs"
        assert bar(pilot).startswith(
            "⏎ Inspect  / Filter  s Sort  r Retry  x Cancel  f Follow  " + everywhere
        )
        for kind, keys in (
            (KeyPanel, "⏎ Its jobs  d Disable/enable  v Revive  e Its errors  [ ] Weight  "),
            (LogSlider, "←→ 12 %"),
            (StreamPane, "End Follow  b Bars  t Gap times  "),
        ):
            pilot.app.screen.query(kind).first().focus()
            await until(pilot, partial(begins, pilot, keys))
            own = kind is KeyPanel  # whose errors are of the key
            assert (everywhere.replace("e Errors  ", "") if own else everywhere) in bar(pilot)


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (80, "⏎ Inspect  / Filter  s Sort  r Retry  │  p Pause  -+ Rate  e Errors  ? Help"),
        (60, "⏎ Inspect  / Filter  s Sort  │  p Pause  -+ Rate  ? Help"),
    ],
)
async def test_where_it_is_narrow_whole_items_are_left_out_on_both_sides(width: int, words: str) -> None:
    async with opened(FakeSession(), size=(width, 24)) as pilot:
        assert bar(pilot) == words


async def test_what_has_no_use_in_a_kept_run_is_not_on_the_key_bar_of_its_panel_either() -> None:
    async with opened(RestingSession(clock=lambda: 700.0, scene=finished())) as pilot:
        await until(pilot, lambda: "⏎ Inspect" in bar(pilot))
        assert not {"Retry", "Cancel", "Follow", "Pause"} & set(bar(pilot).split())
        assert {"Filter", "Sort", "Errors", "Graphs"} <= set(bar(pilot).split())


async def test_what_is_typed_into_a_field_is_on_no_key_bar() -> None:
    async with opened(FakeSession()) as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: "esc" in bar(pilot).split())
        assert "Pause" not in bar(pilot) and "Rate" not in bar(pilot) and "Palette" in bar(pilot)


async def test_what_is_pasted_into_the_filter_is_one_line_without_its_end() -> None:
    async with opened(FakeSession()) as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        field = pilot.app.screen.query_one("#filter Input", Input)
        pilot.app.post_message(Paste("add-34\r\n"))
        await until(pilot, lambda: field.value == "add-34")


async def test_a_click_on_any_item_of_the_key_bar_does_it() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        for word, holds in (
            ("Cancel", lambda: session.commands),
            ("Filter", lambda: isinstance(pilot.app.focused, Input)),
        ):
            await pilot.click(KeyBar, offset=(bar(pilot).index(word) + 1, 0))
            await until(pilot, holds)


@pytest.mark.case("screen", "footer-focus")
@pytest.mark.parametrize("key", ["e", "g", "enter"])
async def test_every_screen_says_how_to_get_help_and_back(key: str) -> None:
    async with opened(FakeSession()) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen.title != "Everywhere" and pilot.app.screen.is_mounted)
        await until(pilot, lambda: "? Help  esc Back" in bar(pilot))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


# Jumping.


async def test_a_letter_moves_the_focus_to_its_panel() -> None:
    async with opened(FakeSession()) as pilot:
        dashboard = pilot.app.screen
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpScreen) and pilot.app.screen.is_mounted)
        letters = {type(each.target): each.letter for each in pilot.app.screen.query(JumpLetter)}
        places = [each.region.offset for each in pilot.app.screen.query(JumpLetter)]
        assert {JobTable, KeyPanel, LogSlider, StreamPane} <= set(letters)
        assert places == [each.target.region.offset for each in pilot.app.screen.query(JumpLetter)]
        await pilot.press(letters[StreamPane])
        await until(pilot, lambda: pilot.app.screen is dashboard)
        assert isinstance(dashboard.focused, StreamPane)


async def test_escape_leaves_the_focus_where_it_is_and_a_click_on_a_letter_moves_it() -> None:
    async with opened(FakeSession()) as pilot:
        dashboard = pilot.app.screen
        await pilot.press("ctrl+o", "escape")
        await until(pilot, lambda: pilot.app.screen is dashboard)
        assert isinstance(dashboard.focused, JobTable)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpScreen) and pilot.app.screen.is_mounted)
        (letter,) = (each for each in pilot.app.screen.query(JumpLetter) if isinstance(each.target, KeyPanel))
        await pilot.click(letter)
        await until(pilot, lambda: isinstance(dashboard.focused, KeyPanel))


# The help.


@asynccontextmanager
async def helped(size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Pilot[Any], HelpScreen]]:
    async with opened(FakeSession(), size=size) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and pilot.app.screen.is_mounted)
        screen = pilot.app.screen
        assert isinstance(screen, HelpScreen)
        yield pilot, screen


def topics(screen: HelpScreen) -> list[str | None]:
    return [option.id for option in screen.query_one(OptionList).options]


def shown(screen: HelpScreen, name: str) -> bool:
    return screen.query_one(f"#{name}").display


@pytest.mark.case("screen", "glyphs")
async def test_the_help_has_the_keys_the_glyphs_and_every_page_of_the_manual() -> None:
    async with helped() as (pilot, screen):
        assert topics(screen) == [KEYS, GLYPHS, *TOPICS]
        assert shown(screen, "help-of-keys")
        await pilot.press("down")
        await until(pilot, lambda: shown(screen, "help-glyphs"))
        legend = str(screen.query_one("#help-glyphs", Static).render())
        assert all(each.glyph in legend and each.meaning in legend for _, some in LEGEND for each in some)
        await pilot.press("down")
        page = screen.query_one(Markdown)
        await until(pilot, lambda: page.display and "llmdash demo" in page.source)


async def test_a_search_leaves_the_pages_with_all_words() -> None:
    async with helped() as (pilot, screen):
        await pilot.press("slash", *"BUDGET forecast")
        await until(pilot, lambda: topics(screen)[:1] == ["trial-and-budget"])
        assert len(topics(screen)) < len(TOPICS)
        await pilot.press("enter")
        await until(pilot, lambda: "Forecast" in screen.query_one(Markdown).source)
        await pilot.press("escape")
        await until(pilot, lambda: len(topics(screen)) == len(TOPICS) + 2)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_a_link_leads_to_another_page() -> None:
    async with helped() as (pilot, screen):
        screen.show_topic("rate")
        page = screen.query_one(Markdown)
        screen.post_message(Markdown.LinkClicked(page, "keys.md"))
        await until(pilot, lambda: page.source.startswith("# API keys"))
        highlighted = screen.query_one(OptionList).highlighted
        assert highlighted == topics(screen).index("keys")


async def test_a_pages_text_scrolls_once_it_has_the_focus() -> None:
    async with helped((80, 24)) as (pilot, screen):
        screen.show_topic("errors")
        await pilot.press("enter")
        box = screen.query_one("#help")
        await until(pilot, lambda: box.has_focus and box.max_scroll_y > 0)
        await pilot.press("pagedown")
        await until(pilot, lambda: box.scroll_y > 0)


@pytest.mark.case("screen", "pause-name")
async def test_the_palette_says_go_on_while_the_run_is_paused() -> None:
    session = FakeSession(scene=Scene(state=RunState.PAUSED))
    async with opened(session) as pilot:
        assert "p Go on" in bar(pilot)
        await pilot.press("ctrl+p")
        await choose(pilot, "go on")
        await until(pilot, partial(session.commands.__eq__, [Resume()]))


# The mouse.


@pytest.mark.parametrize(
    ("words", "title"),
    [("failed", "Errors"), ("retried", "Errors"), ("req/s", "Graphs"), ("in flight", "Graphs")],
)
async def test_a_click_on_a_figure_of_the_header_opens_its_screen(words: str, title: str) -> None:
    async with opened(FakeSession()) as pilot:
        header = pilot.app.screen.query_one(RunHeader)
        y = next(y for y in range(header.size.height) if words in header.render_line(y).text)
        await pilot.click(RunHeader, offset=(header.render_line(y).text.index(words) + 1, y))
        await until(pilot, lambda: pilot.app.screen.title == title)


async def test_a_click_on_the_state_pauses_and_goes_on() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        header = pilot.app.screen.query_one(RunHeader)
        await pilot.click(RunHeader, offset=(header.render_line(0).text.index("running") + 1, 0))
        await until(pilot, lambda: session.commands == [Pause()])
        await until(pilot, lambda: "paused" in header.render_line(0).text)
        await pilot.click(RunHeader, offset=(header.render_line(0).text.index("paused") + 1, 0))
        await until(pilot, lambda: session.commands == [Pause(), Resume()])


async def test_a_click_with_ctrl_marks_a_row_and_unmarks_it() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        table = pilot.app.screen.query_one(JobTable)
        await pilot.click(JobTable, offset=(10, 5), control=True)
        await until(pilot, lambda: table.marked == {table.cursor_job})
        await pilot.click(JobTable, offset=(10, 5), control=True)
        await until(pilot, lambda: not table.marked)


@pytest.mark.parametrize(
    ("keys", "words", "commands"),
    [(["D"], "Yes", [Drain()]), (["D"], "No", []), (["exclamation_mark"], "Back", []), (["?"], "Back", [])],
)
async def test_a_click_answers_every_question(keys: list[str], words: str, commands: list[Any]) -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        dashboard = pilot.app.screen
        await pilot.press(*keys)
        await until(pilot, lambda: pilot.app.screen is not dashboard and pilot.app.screen.is_mounted)
        await pilot.click(KeyBar, offset=(bar(pilot).index(words) + 1, 0))
        await until(pilot, lambda: pilot.app.screen is dashboard)
        assert session.commands == commands
