"""The replay bar: where a replay is, and how it is taken elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from llmdash.engine.model.frame import ReplayPart
from llmdash.ui.panels.replay_bar import SPEEDS, ReplayBar, speed_beside
from tests.rows import row
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, posted, running

HALF = ReplayPart(300.0, 600.0, 60.0, True)
PARTS = (
    HALF,
    ReplayPart(0.0, 0.0, 1.0, False),
    ReplayPart(1e9, 1e9, 1_000.0, True),
    ReplayPart(5.0, 600.0, 0.1, True, "not on record: when requests ended, pauses"),
    *(ReplayPart(1.0, 2.0, 1.0, True, text) for text in HOSTILE),
)


def sought(pilot: Pilot[None]) -> list[float]:
    return [message.position_s for message in posted(pilot, ReplayBar.Sought)]


async def test_it_says_where_it_is_how_fast_and_whether_it_plays() -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(HALF)
        await pilot.pause()
        drawn = lines(bar)[0]
        assert drawn.startswith(" ▶ replay 60x  00:05:00 ━")
        assert drawn.rstrip().endswith("─ 00:10:00")
        before, after = drawn.index("◆") - drawn.index("━"), drawn.rindex("─") - drawn.index("◆")
        assert abs(before - after) <= 1
        bar.show(replace(HALF, playing=False))
        assert " ‖ paused 60x " in lines(bar)[0]
        bar.show(replace(HALF, playing=False, position_s=600.0))
        assert " ■ ended 60x " in lines(bar)[0]


async def test_there_is_no_line_where_the_run_itself_is_shown() -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(None)
        await pilot.press("right", "end")
        assert not bar.has_class("-shown")
        assert sought(pilot) == []


@pytest.mark.parametrize(
    ("key", "position"),
    [
        ("left", 294.0), ("right", 306.0), ("shift+left", 240.0), ("shift+right", 360.0), ("home", 0.0),
        ("end", 600.0),
    ],
)  # fmt: skip
async def test_keys_ask_for_another_position(key: str, position: float) -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(HALF)
        await pilot.press(key)
        assert sought(pilot) == [pytest.approx(position)]


async def test_no_position_is_out_of_bounds() -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(replace(HALF, position_s=1.0))
        await pilot.press("shift+left")
        bar.show(replace(HALF, position_s=599.0))
        await pilot.press("shift+right")
        assert sought(pilot) == [0.0, 600.0]


async def test_a_click_and_a_drag_go_there() -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(HALF)
        await pilot.pause()
        drawn = lines(bar)[0]
        first, last = drawn.index("━"), drawn.rindex("─")
        await pilot.mouse_down(bar, offset=(first, 0))
        await pilot.hover(bar, offset=(last, 0))
        await pilot.mouse_up(bar, offset=(last, 0))
        await pilot.hover(bar, offset=(first, 0))
        assert list(dict.fromkeys(sought(pilot))) == [0.0, 600.0]
        asked = len(sought(pilot))
        await pilot.click(bar, offset=(0, 0))
        assert len(sought(pilot)) == asked, "beside the track nothing happens"


async def test_the_wheel_goes_on_and_back() -> None:
    bar = ReplayBar()
    async with running(bar, (80, 1)) as pilot:
        bar.show(HALF)
        for kind in (MouseScrollUp, MouseScrollDown):
            bar.post_message(kind(bar, 5, 0, 0, 0, 0, False, False, False))
        await pilot.pause()
        assert sought(pilot) == [pytest.approx(312.0), pytest.approx(288.0)]


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 120, 400])
async def test_it_is_drawn_safely_at_any_width(width: int) -> None:
    bar = ReplayBar()
    async with running(bar, (width, 1)) as pilot:
        for part in PARTS:
            with row(part):
                bar.show(part)
                await pilot.pause()
                assert_drawn_safely(bar)


async def test_what_is_estimated_is_said() -> None:
    bar = ReplayBar()
    async with running(bar, (120, 1)) as pilot:
        bar.show(replace(HALF, estimated="not on record: pauses"))
        await pilot.pause()
        assert lines(bar)[0].rstrip().endswith("not on record: pauses")


def test_speeds_go_up_and_down_in_steps_to_their_ends() -> None:
    speed = SPEEDS[0]
    for wanted in SPEEDS[1:]:
        speed = speed_beside(speed, 1)
        assert speed == wanted
    assert speed_beside(speed, 1) == SPEEDS[-1]
    assert speed_beside(30.0, -1) == 20.0
    assert speed_beside(0.5, -1) == SPEEDS[0]
