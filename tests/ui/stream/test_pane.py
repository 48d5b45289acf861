"""The stream pane: follows the text, holds still when scrolled, never shows raw control characters."""

from __future__ import annotations

from typing import Any

import pytest
from textual.events import MouseScrollUp, Paste
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import StreamView
from llmdash.ui.stream.pane import StreamPane
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, lines_drawn, running, strips


def part(job: int, text: str | tuple[str, ...], start: int = 0, **more: Any) -> StreamPart:
    """A part with the chunks of `text`, one where it is a text; `start` chunks came before it."""
    chunks = text if isinstance(text, tuple) else (text,) if text else ()
    fields = {"state": JobState.STREAMING, "gaps": (0.05,) * len(chunks), **more}
    return StreamPart(job=job, id=f"add-{job}", key="a1f2", start=start, chunks=chunks, **fields)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last))


def title(pane: StreamPane) -> str:
    """What stands at the right of the upper border: how the pane is looked at."""
    return pane._border.words[1]


def below(pane: StreamPane) -> str:
    """What stands on the lower border."""
    return pane._border.words[2]


def spoken(pane: StreamPane) -> list[str]:
    """The lines of text, of those of `numbered`."""
    return [line for line in lines(pane) if line.startswith("line")]


def typed_into(pane: StreamPane) -> bool:
    return pane.is_typed_into


async def feed(pilot: Pilot[None], pane: StreamPane, *parts: StreamPart) -> None:
    for each in parts:
        pane.show(each)
        await pilot.pause()


def watching(job: int) -> StreamPane:
    """A pane on the stream of one job."""
    pane = StreamPane()
    pane.watch_job(job)
    return pane


async def test_only_what_is_new_is_asked_for() -> None:
    pane = watching(7)
    async with running(pane) as pilot:
        assert pane.wanted() == StreamView(7, None, 0, 0)
        await feed(pilot, pane, part(7, "{"), part(7, "x", 1), part(7, "}", 2))
        assert pane.wanted() == StreamView(7, 7, 0, 3)
        assert lines(pane)[1] == "{|x|}|▍"
        assert pane.text == "{x}"


async def test_an_answer_that_comes_before_there_is_room_is_not_broken_at_each_character() -> None:
    pane = watching(7)
    pane.display = False
    async with running(pane) as pilot:
        await feed(pilot, pane, part(7, "x" * 1000))
        assert len(pane._text.lines) < 20
        pane.display = True
        await pilot.pause()
        assert lines(pane)[1:14] == ["x" * 79] * 12 + ["x" * (1000 - 12 * 79) + "|▍"]


async def test_the_same_part_twice_is_shown_once() -> None:
    pane = watching(7)
    async with running(pane) as pilot:
        more = part(7, "b", 1)
        await feed(pilot, pane, part(7, "a"), more, part(7, "", 2), more)
        assert lines(pane)[1] == "a|b|▍"


async def test_the_stream_of_another_chosen_job_replaces_the_text() -> None:
    pane = watching(7)
    async with running(pane) as pilot:
        await feed(pilot, pane, part(7, "seven"))
        pane.watch_job(8)
        assert pane.wanted() == StreamView(8, None, 0, 0)
        await feed(pilot, pane, part(8, "eight"))
        assert lines(pane)[1] == "eight|▍"
        await feed(pilot, pane, part(8, "again", tokens_per_s=1.0))
        assert lines(pane)[1] == "again|▍"


async def test_without_a_chosen_job_one_answer_comes_below_the_other() -> None:
    pane = StreamPane()
    async with running(pane) as pilot:
        assert pane.wanted() == StreamView(None, None, 0, 0)
        first = part(7, ("se", "ven"), ttft_s=0.38)
        await feed(pilot, pane, first, part(7, "", 2, ttft_s=0.38, tokens_per_s=99.0, state=JobState.DONE))
        await feed(pilot, pane, part(8, "", state=JobState.SENT), part(8, "ei"), part(8, "ght", 1))
        assert pane.wanted() == StreamView(None, 8, 0, 2)
        assert lines(pane)[:6] == [
            "add-7 · a1f2 · first token 0.38s · 99 tok/s ·  2 chunks · ● done",
            "se|ven|",
            "  ▁   ▂",
            "add-8 · a1f2 ·  2 chunks · ▸ live",
            "ei|ght|▍",
            "  ▁   ▂",
        ]
        assert pane.text == "seveneight"


async def test_another_attempt_of_the_followed_job_is_an_answer_of_its_own() -> None:
    pane = StreamPane()
    async with running(pane) as pilot:
        once = part(7, "once", attempt=1)
        cut = part(7, "", 1, attempt=1, state=JobState.BACKOFF)
        await feed(pilot, pane, once, cut, part(7, "again", attempt=2))
        assert [line for line in lines(pane) if "▁" not in line][:4] == [
            "add-7 · a1f2 ·  1 chunk · ↻ cut off, next try follows",
            "once|",
            "add-7 · a1f2 ·  1 chunk · ▸ live · 2nd try",
            "again|▍",
        ]


async def test_a_chosen_job_shows_alone_and_following_begins_anew() -> None:
    pane = StreamPane()
    async with running(pane) as pilot:
        await feed(pilot, pane, part(7, "seven"), part(8, "eight"))
        pane.watch_job(8)
        await feed(pilot, pane, part(8, "eight"))
        assert lines(pane)[:2] == ["add-8 · a1f2 ·  1 chunk · ▸ live", "eight|▍"]
        pane.watch_job(None)
        await feed(pilot, pane, part(9, "nine"))
        assert lines(pane)[:2] == ["add-9 · a1f2 ·  1 chunk · ▸ live", "nine|▍"]


async def test_what_follows_older_answers_draws_only_its_own_lines() -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        await feed(pilot, pane, part(7, "seven"), part(8, "eight"))
        drawn = lines_drawn(pane)
        await feed(pilot, pane, part(8, "more", 1))
        assert drawn == [3, 4, 5], "the heading counts chunks, and there are another one and its gap"


async def test_the_border_says_which_stream_it_is_and_what_the_signs_mean() -> None:
    pane = StreamPane()
    async with running(pane) as pilot:
        await feed(pilot, pane, part(3412, "x", ttft_s=0.412, tokens_per_s=38.2))
        assert title(pane) == "following newest"
        assert below(pane).strip() == "| chunk  ▂ the gap before it  █ 0.26s a stall"
        pane.watch_job(3412)
        await feed(pilot, pane, part(3412, "x", ttft_s=0.412, tokens_per_s=38.2))
        assert title(pane) == "job under the cursor"
        assert pane.wanted().job == 3412


async def test_a_low_pane_has_the_heading_on_its_border_and_one_answer_at_a_time() -> None:
    pane = StreamPane()
    async with running(pane, (80, 3)) as pilot:
        await feed(pilot, pane, part(7, "seven", ttft_s=0.41), part(8, ("ei", "ght"), ttft_s=0.41))
        assert lines(pane) == ["ei|ght|▍", "  ▁   ▂", ""]
        assert title(pane) == "add-8 · a1f2 · 0.41s · ▸ live"


async def test_new_text_scrolls_into_view() -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        text = numbered(0, 100)
        await feed(pilot, pane, part(1, text), part(1, "last", 1))
        assert "|last|▍" in lines(pane)
        assert not pane.show_vertical_scrollbar


@pytest.mark.parametrize("way", ["up", "pageup", "home", "wheel"])
async def test_scrolling_up_holds_the_text_still_and_end_follows(way: str) -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        text = numbered(0, 100)
        await feed(pilot, pane, part(1, text))
        following = lines(pane)
        if way == "wheel":
            pane.post_message(MouseScrollUp(pane, 3, 3, 0, 0, 0, False, False, False))
            await pilot.pause()
        else:
            await pilot.press(way)
        follow = pane.follow
        assert not follow
        before = lines(pane)
        assert before != following
        more = numbered(100, 200)
        await feed(pilot, pane, part(1, more, 1))
        assert spoken(pane) == [line for line in before if line.startswith("line")]
        assert "scrolled" in title(pane)
        await pilot.press("end")
        assert pane.follow
        assert "line 199" in lines(pane)


async def test_scrolling_back_to_the_end_follows_again() -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        await feed(pilot, pane, part(1, numbered(0, 100)))
        await pilot.press("pageup", "down", "pagedown", "pagedown")
        assert pane.follow


async def test_while_scrolled_up_the_pane_keeps_its_job() -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        await feed(pilot, pane, part(1, numbered(0, 100)))
        await pilot.press("up")
        assert pane.wanted().job == 1
        await pilot.press("end")
        assert pane.wanted().job is None


async def test_the_scrollbar_takes_no_room_from_the_text() -> None:
    """So that scrolling up does not wrap the text anew."""
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        await feed(pilot, pane, part(1, "word " * 1000))
        following = lines(pane)
        await pilot.press("up")
        await pilot.pause()
        assert pane.show_vertical_scrollbar
        assert lines(pane)[1:] == following[:-1]


async def test_marks_and_gap_times_can_be_switched() -> None:
    pane = watching(1)
    async with running(pane) as pilot:
        text = ("a", "b", "c")
        await feed(pilot, pane, part(1, text, gaps=(0.412, 0.03, 2.5)))
        assert lines(pane)[1:3] == ["a|b|c|▍", " ▁ ▂ █ 2.50s"]
        await pilot.press("t")
        assert lines(pane)[1:3] == ["a|b|c|▍", " 30 2500"]
        await pilot.press("t")
        assert lines(pane)[1:3] == ["a|b|c|▍", ""]
        await pilot.press("b")
        assert lines(pane)[1:3] == ["abc▍", ""]


async def test_only_the_last_line_is_drawn_again_while_it_grows() -> None:
    pane = watching(1)
    async with running(pane, (40, 10)) as pilot:
        text = numbered(0, 5)
        await feed(pilot, pane, part(1, text))
        drawn = lines_drawn(pane)
        await feed(pilot, pane, part(1, "more", 1))
        assert drawn == [0, 6, 7], "the count in the heading, the line that grows, and its gaps"


async def test_an_empty_stream_says_why() -> None:
    pane = StreamPane()
    async with running(pane) as pilot:
        assert lines(pane)[0] == "no stream yet"
        await feed(pilot, pane, part(1, "", state=JobState.SENT))
        assert lines(pane)[0] == "waiting for the first chunk"
        await feed(pilot, pane, part(1, "", state=JobState.FAILED))
        assert lines(pane)[0] == "no text"
        error = "stalled for 60 s " * 8
        await feed(pilot, pane, part(1, "", state=JobState.FAILED, error=error))
        assert " ".join(lines(pane)[:3]).strip() == f"no text: {error}".strip()


@pytest.mark.parametrize("width", [4, 20, 58, 120, 200])
async def test_hostile_text_is_made_visible(width: int) -> None:
    pane = StreamPane()
    async with running(pane, (width, 30)) as pilot:
        text = tuple(HOSTILE[:-1])
        await feed(pilot, pane, part(1, text, gaps=(0.1,) * len(text)))
        assert_drawn_safely(pane)
        await feed(pilot, pane, part(1, HOSTILE[-1] + "日" * 250 * width, len(text)))
        assert_drawn_safely(pane)
        await pilot.press("t", "home")
        assert_drawn_safely(pane)


async def test_words_are_found_marked_and_stepped_through() -> None:
    pane = StreamPane()
    async with running(pane, (40, 10)) as pilot:
        await feed(pilot, pane, part(1, numbered(0, 60)))
        await pilot.press("slash", *"Line 1")
        assert below(pane).strip() == "/Line 1▍ · line 11 of 11 with it"
        await pilot.press("enter")
        assert "line 19" in lines(pane)
        top = lines(pane)
        await pilot.press("N")
        assert not pane.follow
        await pilot.press("n", "n")
        assert "line 1" in lines(pane), "behind the last one comes the first one"
        await pilot.press("escape")
        assert "Line" not in below(pane)
        assert top != lines(pane)


async def test_letters_are_words_while_they_are_typed_and_keys_afterwards() -> None:
    pane = watching(1)
    async with running(pane) as pilot:
        await feed(pilot, pane, part(1, ("bt", "n/b")))
        await pilot.press("slash", *"tx", "backspace", "n")
        assert typed_into(pane) is True
        found = [
            segment.text
            for strip in strips(pane)
            for segment in strip
            if segment.style and segment.style.bold
        ]
        assert "t" in found and "n" in found, "a match goes on behind a mark"
        await pilot.press("enter", "b")
        assert lines(pane)[1] == "btn/b▍"
        await pilot.press("slash", "enter")
        assert typed_into(pane) is False
        await pilot.press("slash", *"q")
        await pilot.press("escape")
        assert typed_into(pane) is False


async def test_a_search_in_vain_says_so_and_takes_a_pasted_text() -> None:
    pane = watching(1)
    async with running(pane) as pilot:
        await feed(pilot, pane, part(1, "abc"))
        await pilot.press("slash")
        pane.post_message(Paste("zzz\nmore"))
        await pilot.pause()
        assert below(pane).strip() == "/zzz▍ · not found"


async def test_what_is_selected_is_the_text_alone() -> None:
    pane = watching(1)
    async with running(pane, (12, 12)) as pilot:
        await feed(pilot, pane, part(1, ("the quick ", "brown", "\nabcdefghijklmno")))
        pane.screen.selections = {pane: Selection(Offset(4, 1), None)}
        await pilot.pause()
        assert pane.screen.get_selected_text() == "quick brown\nabcdefghijklmno"
        assert_drawn_safely(pane)


async def test_text_is_selected_with_the_mouse_and_copied_with_ctrl_c() -> None:
    pane = watching(1)
    async with running(pane) as pilot:
        await feed(pilot, pane, part(1, ("one ", "two ", "three")))
        await pilot.mouse_down(pane, offset=(0, 1))
        await pilot.hover(pane, offset=(9, 1))
        await pilot.mouse_up(pane, offset=(9, 1))
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == "one two "
