"""The titles of streams: whose text it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.ui.stream.words import heading, joined, title_pieces
from tests.ui.widget_app import HOSTILE

PART = StreamPart(3, "add-3", "a1f2", JobState.STREAMING, 0.412, 38.0)


def test_a_title_names_the_worker_where_there_is_one() -> None:
    assert joined(title_pieces(PART, alone=False)) == "add-3 · a1f2"
    part = replace(PART, worker="w2")
    assert joined(title_pieces(part, alone=True)) == "add-3 · w2 · a1f2 · ttft 412ms · 38 tok/s"
    assert heading(part) == "add-3 · w2 · a1f2 · 412ms"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_worker_leaves_room_for_the_rest(name: str) -> None:
    words = heading(replace(PART, worker=name))
    assert words.endswith("a1f2 · 412ms")
    assert len(words) < 500
