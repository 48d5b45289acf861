"""A change of the screen is sent from the first cell that changes to the last one."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from llmdash.ui.terminal.lean_update import LeanUpdate, lean_update
from llmdash.ui.text.paint import differences


def test_only_the_cells_that_change_are_sent() -> None:
    strips = {0: Strip([Segment("llmdash")]), 7: Strip([Segment("   00:12")])}
    update = lean_update(ChopsUpdate([strips], [(0, 11, 15)], [[7, 15]]))
    assert isinstance(update, LeanUpdate)
    assert update.render_segments(Console()) == "\x1b[1;12H0:12"


def test_no_character_is_halved_where_what_changes_begins_or_ends_in_its_midst() -> None:
    update = lean_update(ChopsUpdate([{0: Strip([Segment("a日本b")])}], [(0, 2, 4)], [[6]]))
    assert isinstance(update, LeanUpdate)
    assert update.render_segments(Console()) == "\x1b[1;1Ha日本b"


@pytest.mark.parametrize(
    ("before", "now", "begin", "width"),
    [
        ("running 00:11", "running 00:12", 12, 1),
        ("running 00:19", "running 00:20", 11, 2),
        ("日本 1 left", "日本 2 left", 5, 1),
        ("aaa", "aaaa", 3, 1),
        ("aaaa", "aaa ", 3, 1),
    ],
)
def test_a_line_differs_from_its_first_to_its_last_other_cell(
    before: str, now: str, begin: int, width: int
) -> None:
    (region,) = differences([Strip([Segment(before)])], [Strip([Segment(now)])])
    assert (region.x, region.width) == (begin, width)


def test_another_style_is_another_cell_and_the_same_line_is_none() -> None:
    plain, bold = Strip([Segment("abc")]), Strip([Segment("a"), Segment("b", Style(bold=True)), Segment("c")])
    assert [(region.x, region.y, region.width) for region in differences([plain] * 2, [plain, bold])] == [
        (1, 1, 1)
    ]
