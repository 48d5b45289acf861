"""The words over streams: whose text it is, and what came of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState, Verdict
from llmdash.ui.stream.words import heading, missing_text, short_heading, state_words, summary
from tests.ui.widget_app import HOSTILE

PART = StreamPart(3, "add-3", "a1f2", JobState.STREAMING, 0.412, 38.0)


def test_the_line_over_an_answer_says_whose_it_is_how_fast_it_comes_and_what_came_of_it() -> None:
    assert heading(PART, 7) == ("add-3", " · a1f2 · first token 0.41s · 38 tok/s ·  7 chunks · ▸ live")
    part = replace(PART, worker="w2", state=JobState.DONE, verdict=Verdict.RIGHT, attempt=2)
    assert summary(part, 1, 99) == "first token 0.41s · 38 tok/s ·  1 chunk · ✓ right · 2nd try"
    assert heading(part, 15).rest.startswith(" · w2 · a1f2 · first")


def test_an_answer_that_was_left_is_not_called_live() -> None:
    assert "live" not in heading(PART, 7, closed=True).rest


def test_an_answer_at_an_even_pace_has_no_count_of_chunks() -> None:
    assert "chunks not on record" in summary(replace(PART, is_even=True), 7, 99)


def test_where_there_is_little_room_what_came_of_it_stays() -> None:
    assert summary(PART, 7, 40) == "0.41s · 38 tok/s ·  7 chunks · ▸ live"
    assert summary(PART, 7, 12) == "▸ live"
    done = replace(PART, state=JobState.DONE, verdict=Verdict.RIGHT)
    assert short_heading(done) == "add-3 · a1f2 · 0.41s · 38 tok/s · ✓ right"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (JobState.BACKOFF, "↻ cut off, next try follows"),
        (JobState.FAILED, "✗ failed"),
        (JobState.DONE, "● done"),
        (JobState.SENT, "→ sent"),
    ],
)
def test_each_state_has_its_glyph_and_a_word(state: JobState, words: str) -> None:
    assert state_words(replace(PART, state=state)) == words


@pytest.mark.case("screen", "no-text")
def test_without_text_the_error_says_why() -> None:
    assert missing_text(StreamPart()) == "no stream yet"
    assert missing_text(PART) == "waiting for the first chunk"
    assert missing_text(replace(PART, state=JobState.FAILED)) == "no text"
    stalled = replace(PART, state=JobState.FAILED, error="stalled for 60 s")
    assert missing_text(stalled) == "no text: stalled for 60 s"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_worker_leaves_room_for_the_rest(name: str) -> None:
    words = "".join(heading(replace(PART, worker=name, id=name), 3))
    assert words.endswith("▸ live")
    assert len(words) < 500
