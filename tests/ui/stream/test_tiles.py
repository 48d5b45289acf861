"""Streams side by side: each keeps its place, and only what changed is painted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.ui.stream.tiles import StreamTiles, fit_grid
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, lines_drawn, running


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
        assert drawn[0].startswith("╭ add-1 · a1f2 ───")
        assert drawn[0].endswith("─ ● ╮")
        assert "|word19 |▍" in "".join(drawn)
        assert "▸ live" in drawn[6] and "● done" in drawn[6]
        assert "word1 " not in "".join(drawn)
        assert "│ short|" in drawn[1]
        assert tiles._border.words[:2] == ("Streams", "7 in flight")


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
