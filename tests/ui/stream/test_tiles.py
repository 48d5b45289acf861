"""Streams side by side: each keeps its place, and only what changed is painted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import MouseScrollUp
from textual.geometry import Region

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.ui.stream.grid import fit_grid
from llmdash.ui.stream.looks import StreamLooks
from llmdash.ui.stream.tile_box import TileView, tile_box
from llmdash.ui.stream.tiles import StreamTiles
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, lines_drawn, posted, running

STORY = tuple(f"word{number:02} " for number in range(30))


def part(job: int, text: str | tuple[str, ...], state: JobState = JobState.STREAMING) -> StreamPart:
    return StreamPart(
        job=job, id=f"add-{job}", key="a1f2", state=state, chunks=text if isinstance(text, tuple) else (text,)
    )


@given(st.integers(0, 400), st.integers(0, 120))
def test_boxes_cover_the_room_and_never_overlap(width: int, height: int) -> None:
    grid = fit_grid(width, height)
    cells = [
        (x, y)
        for place in range(grid.boxes)
        for x in grid.region(place).column_range
        for y in grid.region(place).line_range
    ]
    assert len(cells) == len(set(cells)) == (width * height if grid.boxes else 0)
    room = Region(0, 0, width, height)
    assert all(room.contains_region(grid.region(place)) for place in range(grid.boxes))


async def test_a_box_says_whose_stream_it_is_and_shows_the_end_of_it() -> None:
    tiles = StreamTiles()
    async with running(tiles, (60, 8)) as pilot:
        assert tiles.wanted() == 2
        assert lines(tiles)[0] == "no stream yet"
        text = tuple(f"word{number} " for number in range(20))
        tiles.show([part(1, text), part(2, "short", JobState.DONE)], 7)
        await pilot.pause()
        drawn = lines(tiles)
        assert drawn[0].startswith("┏━ add-1 · a1f2 ━━━"), "the cursor is on it"
        assert drawn[0].endswith("─ ● ─╮")
        assert "|word19 |▍" in "".join(drawn)
        assert "▸ live" in drawn[6] and "● done" in drawn[6]
        assert "word1 " not in "".join(drawn)
        assert "│ short|" in drawn[1]
        tiles.screen.set_focus(None)
        await pilot.pause()
        assert lines(tiles)[0].startswith("╭─ add-1 · a1f2 ───")
        assert tiles._border.words[:2] == ("Streams", "7 in flight")


def test_a_box_has_text_where_only_its_gaps_would_have_room() -> None:
    stream = StreamPart(job=1, id="add-1", chunks=("first line, ", "second"), gaps=(0.1, 0.1))
    box = tile_box(stream, 18, 6, TileView(StreamLooks()))
    drawn = ["".join(text for text, _tail in line)[2:-2].rstrip() for line in box.lines]
    assert drawn[1].startswith("first line,") and "second" in drawn[2]
    assert drawn[3].strip(), "the gaps of the last line"


async def test_a_failed_stream_says_why_where_its_text_would_be() -> None:
    tiles = StreamTiles()
    async with running(tiles, (60, 8)) as pilot:
        failed = replace(part(1, (), JobState.FAILED), error="stalled for 60 s", attempt=5)
        tiles.show([failed], 0)
        await pilot.pause()
        assert "no text: stalled" in lines(tiles)[1]
        assert "✗ failed · 5th try" in lines(tiles)[6]


async def test_only_the_line_that_grew_is_painted() -> None:
    tiles = StreamTiles()
    async with running(tiles, (60, 10)) as pilot:
        tiles.show([part(number, "x") for number in range(4)], 4)
        await pilot.pause()
        drawn = lines_drawn(tiles)
        tiles.show([*(part(number, "x") for number in range(3)), part(3, "xy")], 4)
        await pilot.pause()
        assert drawn == [6]


async def test_a_click_chooses_a_stream_and_a_double_click_or_enter_opens_its_job() -> None:
    tiles = StreamTiles()
    async with running(tiles, (60, 10)) as pilot:
        tiles.show([part(number, "x") for number in range(3)], 3)
        await pilot.pause()
        await pilot.click(tiles, offset=(40, 2))
        assert [each.job for each in posted(pilot, StreamTiles.Chosen)] == [1]
        await pilot.press("left", "down", "enter")
        assert posted(pilot, StreamTiles.Chosen)[-1].job == 2
        await pilot.click(tiles, offset=(40, 2), times=2)
        assert [each.job for each in posted(pilot, StreamTiles.Opened)] == [2, 1]
        count = len(posted(pilot, StreamTiles.Chosen))
        await pilot.click(tiles, offset=(40, 8))
        assert len(posted(pilot, StreamTiles.Chosen)) == count, "there is no stream"
        assert not tiles.screen.selections


async def test_a_stream_that_is_scrolled_holds_still_and_the_others_go_on() -> None:
    tiles = StreamTiles()
    async with running(tiles, (60, 8)) as pilot:
        tiles.show([part(1, STORY), part(2, "x")], 2)
        await pilot.pause()
        await pilot._post_mouse_events([MouseScrollUp], tiles, offset=(5, 2))
        await pilot.pause()
        drawn = lines(tiles)
        assert "held · 3 lines below · End" in drawn[6]
        tiles.show([part(3, "another"), part(2, "xyz")], 2)
        await pilot.pause()
        assert [line[:30] for line in lines(tiles)] == [line[:30] for line in drawn]
        assert "xyz" in lines(tiles)[1]
        await pilot.press("pageup", "pageup", "pageup", "pageup")
        assert "word00" in lines(tiles)[1], "it stops at the first line that is held"
        await pilot.press("end")
        assert "another" in lines(tiles)[1]


async def test_what_is_selected_in_a_box_is_copied_without_marks_and_holds_still_until_then() -> None:
    """Of the box in which it began alone, and with the breaks that the text had."""
    tiles = StreamTiles()
    async with running(tiles, (60, 9)) as pilot:
        other = ("日本 ", "text ", "that is long enough ", "for two lines\n", "and one")
        tiles.show([part(0, "left 👩\u200d👩\u200d👧"), part(1, other)], 2)
        await pilot.pause()
        assert "日本 |text |" in lines(tiles)[1]
        await pilot.mouse_down(tiles, offset=(32, 1))
        await pilot.hover(tiles, offset=(58, 8))
        tiles.show([part(0, "left"), part(1, "all is another text")], 2)
        await pilot.mouse_up(tiles, offset=(58, 8))
        assert_drawn_safely(tiles)
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == "日本 text that is long enough for two lines\nand one"
        assert not posted(pilot, StreamTiles.Chosen), "it was no click"
        await pilot.press("escape")
        assert "all is another" in lines(tiles)[1]


@pytest.mark.parametrize("size", [(20, 5), (24, 2), (24, 3), (50, 12), (121, 31)])
async def test_hostile_text_is_made_visible(size: tuple[int, int]) -> None:
    tiles = StreamTiles()
    async with running(tiles, size) as pilot:
        parts = [StreamPart(job, text, "k", chunks=(text[-400:],)) for job, text in enumerate(HOSTILE)]
        tiles.show(parts, len(parts))
        await pilot.pause()
        assert_drawn_safely(tiles)
        tiles.show([], 0)
        await pilot.pause()
        assert_drawn_safely(tiles)
