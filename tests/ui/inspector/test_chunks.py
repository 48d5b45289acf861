"""The chunk ruler: gaps, stalls and times of an answer, stepped through and played again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import StreamView
from llmdash.ui.inspector.chunk_ruler import ChunkRuler
from llmdash.ui.inspector.held_chunks import HeldChunks
from llmdash.ui.inspector.time_ruler import ruler_labels, stalls_of, time_ruler
from tests.ui.waiting import until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, running

JSON = (
    '{"',
    "expression",
    '":',
    ' "',
    "65",
    " x",
    " 6",
    " +",
    " 28",
    '",',
    ' "',
    "result",
    '":',
    " 408",
    "} ",
)
GAPS = (0.36, 0.026, 0.014, 0.031, 0.022, 0.018, 0.025, 0.019, 0.243, 0.024, 0.02, 0.028, 0.016, 0.022, 0.012)
PART = StreamPart(
    3, "add-3", "a1f2", JobState.DONE, attempt=2, chunks=JSON, gaps=GAPS, total=len(JSON), ttft_s=0.36
)


async def test_the_ruler_shows_text_heights_times_and_when_it_stalled() -> None:
    ruler = ChunkRuler()
    async with running(ruler, (120, 12)):
        ruler.take(PART, 0.88)
        assert lines(ruler)[:5] == [
            "2nd attempt, 15 chunks in 0.52s after the first token at 0.36s; "
            'longest gap 243 ms, before " 28"',
            "",
            '   {"|expression|":| "|65| x| 6| +| 28|",| "|result|":| 408|} |',
            "     ▁          ▂  ▁  ▃  ▂  ▂  ▃  ▂   █  ▂  ▂      ▃  ▂    ▂  ▁",
            "              26 14 31 22 18 25 19 243 24 20     28 16   22 12",
        ]
        times = lines(ruler)[6]
        assert times.startswith("   ····") and times.count("═") > 20
        assert lines(ruler)[7].split() == [
            "sent",
            "first",
            "token",
            "0.36s",
            "stalled",
            "0.24s",
            "end",
            "0.88s",
        ]


async def test_a_step_shows_the_answer_as_it_stood_then() -> None:
    ruler = ChunkRuler()
    async with running(ruler, (120, 12)) as pilot:
        ruler.take(PART, 0.88)
        await pilot.press("left", "left", "left", "left", "left", "left")
        assert lines(ruler)[0] == 'chunk 9 of 15: " 28", 243 ms after the one before, at 0.76s'
        assert lines(ruler)[2] == '   {"|expression|":| "|65| x| 6| +| 28|▍'
        await pilot.press("right")
        assert ruler.shown == 10
        await pilot.press("escape")
        assert ruler.shown == 15


async def test_the_answer_is_played_again_at_its_own_pace() -> None:
    now = [100.0]
    ruler = ChunkRuler(now=lambda: now[0])
    async with running(ruler, (120, 12)) as pilot:
        ruler.take(PART, 0.88)
        assert ruler.play()
        assert ruler.shown == 0
        now[0] += 0.39
        await until(pilot, lambda: ruler.shown == 2)
        assert ruler.play(), "again: pause"
        assert not ruler.is_playing
        now[0] += 50.0
        assert ruler.play()
        now[0] += 0.05
        await until(pilot, lambda: ruler.shown == 4)
        now[0] += 9.0
        await until(pilot, lambda: ruler.shown == 15 and not ruler.is_playing)


async def test_without_chunks_on_record_there_is_nothing_to_play() -> None:
    ruler = ChunkRuler()
    async with running(ruler, (120, 12)):
        ruler.take(StreamPart(3, "add-3"), None)
        assert "no chunks on record" in lines(ruler)[0]
        assert not ruler.play()
        ruler.take(replace(PART, is_even=True), 0.88)
        assert "no chunks on record" in lines(ruler)[0]
        assert not ruler.play()


async def test_bars_and_gap_times_can_be_switched() -> None:
    ruler = ChunkRuler()
    async with running(ruler, (120, 12)):
        ruler.take(PART, 0.88)
        ruler.next_ruler()
        assert "26 14" not in "".join(lines(ruler))
        ruler.next_ruler()
        assert "█" not in "".join(lines(ruler))
        ruler.toggle_marks()
        assert '{"expression": "65 x 6' in lines(ruler)[2]


async def test_hostile_chunks_are_made_visible() -> None:
    ruler = ChunkRuler()
    async with running(ruler, (60, 30)):
        chunks = tuple(HOSTILE)
        ruler.take(replace(PART, chunks=chunks, gaps=(0.1,) * len(chunks)), 1.0)
        assert_drawn_safely(ruler)


GAP_LISTS = st.lists(st.floats(0, 100), min_size=1, max_size=60)


@given(GAP_LISTS, st.integers(1, 200))
def test_the_time_ruler_is_as_wide_as_there_is_room_whatever_the_times(gaps: list[float], width: int) -> None:
    times = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    stalls = stalls_of(gaps)
    end_s = times[-1] + 0.1
    ruler = time_ruler(times, stalls, end_s, width, len(times))
    assert sum(len(span.text) for span in ruler) == width
    assert "┃" in "".join(span.text for span in ruler)
    labels = ruler_labels(times, gaps, stalls, end_s, width)
    assert sum(len(span.text) for span in labels) == width


@given(st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=8))
def test_what_is_held_is_what_was_said_however_it_was_cut(pieces: list[list[str]]) -> None:
    held = HeldChunks()
    said: list[str] = []
    for number, new in enumerate(pieces):
        start = len(said)
        said += new
        part = replace(PART, start=start, chunks=tuple(new), gaps=(0.1,) * len(new), tokens_per_s=number)
        held.take(part)
        held.take(replace(part, start=start + 5, chunks=("lost",), gaps=(0.1,)))
    assert held.texts == said
    if pieces:
        assert held.wanted == StreamView(3, 3, 2, len(said))
