"""Any size of terminal, any text in a name: nothing overlaps, nothing is cut off, nothing raises."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region, Size
from textual.widgets import Static

from llmdash.engine.model.frame import Notice
from llmdash.engine.model.states import RunState, Severity
from llmdash.ui.app import LlmdashApp
from llmdash.ui.dashboard.arrangement import arrange_panels, arrange_review
from llmdash.ui.dashboard.sizes import MINIMUM, WIDE
from llmdash.ui.stream.pane import StreamPane
from llmdash.ui.text.bar_items import BarItem, BarItems, fit_items
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.waiting import picture, until

SHIPPED = Path(__file__).parents[3] / "themes"
SIZES = [(59, 15), (60, 16), (80, 24), (100, 30), (120, 36), (200, 60)]
HOSTILE = [
    "[/]",
    "[red]x",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "a\nb\tc",
    "\u202egnp",
    "👩‍👩‍👧 家 é",
    "x" * 400,
    "",
]


@given(
    st.integers(MINIMUM.width, 400),
    st.integers(MINIMUM.height - 5, 120),
    st.integers(0, 60),
    st.booleans(),
    st.booleans(),
    st.integers(4, 7),
)
def test_panels_cover_the_space_without_overlap_at_any_size(
    width: int, height: int, keys: int, tiled: bool, errors: bool, rate: int
) -> None:
    regions = arrange_panels(Size(width, height), keys, tiled, errors, rate).regions
    assert sum(region.area for region in regions) == width * height
    assert all(Region(0, 0, width, height).contains_region(region) for region in regions)
    assert not any(a.overlaps(b) for index, a in enumerate(regions) for b in regions[:index])


@given(st.integers(MINIMUM.width, 300), st.integers(MINIMUM.height - 5, 100), st.integers(0, 40))
def test_every_panel_has_room_for_its_border_and_something_in_it(width: int, height: int, keys: int) -> None:
    panels = arrange_panels(Size(width, height), keys)
    assert panels.jobs.height >= 5
    assert panels.keys.height >= 5
    assert panels.rate.height >= 4
    assert min(panels.jobs.width, panels.keys.width) >= 36
    assert panels.rate.width >= 24
    assert panels.stream is None or panels.stream.height >= 3
    assert panels.over is None or panels.over.height >= 6


def test_the_panels_are_where_they_are_drawn_at_120_at_200_and_at_80_columns() -> None:
    wide = arrange_panels(Size(120, 31), 4)
    assert wide.jobs == Region(0, 0, 76, 21)
    assert wide.keys == Region(76, 0, 44, 7)
    assert wide.rate == Region(76, 7, 44, 6)
    assert wide.over == Region(76, 13, 44, 18)
    assert wide.stream == Region(0, 21, 76, 10)
    roomy = arrange_panels(Size(200, 55), 4, errors=True)
    assert (roomy.jobs.size, roomy.keys.width) == (Size(128, 35), 72)
    assert roomy.errors is not None and roomy.over is not None
    assert roomy.events == Region(128, 47, 72, 8)
    assert (roomy.errors.bottom, roomy.over.bottom) == (47, roomy.errors.y)
    narrow = arrange_panels(Size(80, 19), 4)
    assert narrow.jobs == Region(0, 0, 80, 10)
    assert (narrow.keys, narrow.rate) == (Region(0, 10, 39, 6), Region(39, 10, 41, 6))
    assert narrow.stream == Region(0, 16, 80, 3)


@given(st.integers(MINIMUM.width, 300), st.integers(MINIMUM.height - 5, 100), st.integers(0, 40))
def test_the_panels_of_a_run_that_has_ended_lie_within_the_space(width: int, height: int, keys: int) -> None:
    for region in arrange_review(Size(width, height), keys, outcome=12).values():
        assert Region(0, 0, width, height).contains_region(region) or not region.area


def test_keys_and_rate_stand_beside_the_jobs_from_100_columns_on() -> None:
    assert arrange_panels(Size(WIDE, 30), 3).keys.x > 0
    assert arrange_panels(Size(WIDE - 1, 30), 3).keys.x == 0


BAR_ITEMS = st.builds(BarItem, st.just(("x",)), st.text(max_size=12), st.booleans())


@given(st.lists(BAR_ITEMS, max_size=10, unique=True), st.lists(BAR_ITEMS, max_size=10), st.integers(0, 200))
def test_the_key_bar_never_cuts_an_item(panel: list[BarItem], more: list[BarItem], width: int) -> None:
    chosen = fit_items(BarItems(tuple(panel), tuple(more)), width)
    divider = 3 if chosen.panel and chosen.everywhere else 0
    assert sum(item.width + 2 for item in (*chosen.panel, *chosen.everywhere)) + divider <= width + 2
    assert tuple(item for item in panel if item in chosen.panel) == chosen.panel


def test_what_gets_help_stays_on_the_key_bar_and_each_side_loses_its_last_items() -> None:
    panel = tuple(BarItem((key,), "word") for key in "abcdef")
    everywhere = (*(BarItem((key,), "word") for key in "uvwxy"), BarItem(("question_mark",), "Help", True))
    chosen = fit_items(BarItems(panel, everywhere), 60)
    assert chosen == BarItems(panel[:3], (*everywhere[:3], everywhere[-1]))


def has_size(app: LlmdashApp, size: tuple[int, int]) -> bool:
    return app.screen.size == size


async def test_resizing_through_all_sizes_and_back_never_raises() -> None:
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        for size in [*SIZES, *reversed(SIZES)]:
            await pilot.resize_terminal(*size)
            await until(pilot, partial(has_size, app, size))
            await pilot.pause()
            assert app.screen.has_class("compact") is (size[0] < WIDE)
            assert app.screen.has_class("-too-small") is (size[0] < 60 or size[1] < 16)


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1], SIZES[-1]])
async def test_it_opens_at_any_size_and_with_any_number_of_keys(size: tuple[int, int]) -> None:
    """At the smallest and the largest; those between are gone through by resizing."""
    session = FakeSession(scene=Scene(keys=()))
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        for keys in (0, 1, 3, 40):
            session.scene.keys = tuple(f"{key:04x}" for key in range(keys))
            await picture(pilot, session)
        await pilot.press("question_mark", "escape", "g", "escape", "enter", "escape", "slash", "a", "escape")
        await until(pilot, partial(has_size, app, size))
        assert app.return_code is None


async def test_a_terminal_that_is_too_small_is_told_what_is_needed_and_can_be_quit() -> None:
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED)
    async with app.run_test(size=(59, 15)) as pilot:
        await pilot.pause()
        text = str(app.screen.query_one("#too-small", Static).render())
        assert "59 x 15" in text and "60 x 16" in text
        await pilot.press("q")
        await until(pilot, lambda: app.return_code == 0)


async def test_a_short_terminal_gives_the_place_of_the_stream_to_the_others() -> None:
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one(StreamPane).region
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.query_one(StreamPane).region)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_names_are_shown_and_steer_nothing(text: str) -> None:
    """No markup is parsed, and no control character reaches the terminal."""
    name = text.replace("{", "").replace("}", "") + "{:04d}"
    scene = Scene(name=text, model=text, endpoint=text, job_name=name, keys=(text, "b"), answer=text * 3)
    scene.notices = (Notice(1, Severity.ERROR, text),)
    scene.state = RunState.PAUSED
    session = FakeSession(scene=scene)
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: session.views[-1].inspect is not None)
        assert_nothing_steers(app)
        await pilot.press("escape", "slash", *[letter for letter in text[:6] if letter.isprintable()])
        await picture(pilot, session)
        assert_nothing_steers(app)


def assert_nothing_steers(app: LlmdashApp) -> None:
    for strip in app.screen._compositor.render_strips():
        assert all(ord(letter) >= 0x20 and not 0x7F <= ord(letter) < 0xA0 for letter in strip.text)
        assert "\u202e" not in strip.text
