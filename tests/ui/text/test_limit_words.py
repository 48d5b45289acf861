"""The words for a limit that is shared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.engine.model.frame import SharedLimitRow
from llmdash.sanitize import clean_line
from llmdash.ui.text.limit_words import share_in_short, share_line

ROW = SharedLimitRow("org-a", 60.0, None, 20.0, None, (("evals", 20.0), ("nightly", 2.5)), 17.5)
TOKENS = SharedLimitRow("org-t", None, 200_000.0, None, 50_000.0)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, 'shared "org-a": this 20, evals 20, nightly 2.50, free 17.5 of 60/s'),
        (60, 'shared "org-a": this 20, 2 others 22.5, free 17.5 of 60/s'),
        (48, 'shared "org-a": this 20, free 17.5 of 60/s'),
        (40, 'shared "org-a": 20 of 60/s'),
        (20, "shared: 20 of 60/s"),
        (5, ""),
    ],
)
def test_a_line_has_as_much_as_fits(width: int, text: str) -> None:
    assert share_line(ROW, width) == text


def test_a_limit_of_tokens_is_said_in_tokens() -> None:
    assert share_line(TOKENS, 60) == 'shared "org-t": 50k of 200k tok/min'


def test_a_limit_that_nobody_can_tell_of_has_no_share_now() -> None:
    row = SharedLimitRow("org-a", 60.0, None, 0.0, problem="locked", is_over=True)
    assert share_line(row, 60) == 'shared "org-a": no share now'
    assert share_line(SharedLimitRow("org-a"), 60) == ""


def test_in_short_it_is_the_limit_that_leaves_least() -> None:
    assert share_in_short((TOKENS, ROW)) == "20 of 60/s"
    assert share_in_short((TOKENS,)) == "50k of 200k tok/min"
    assert share_in_short(()) == ""


@given(st.text(max_size=40), st.lists(st.tuples(st.text(max_size=40), st.floats(0, 1e5)), max_size=4))
def test_hostile_names_are_cleaned_and_cut(name: str, others: list[tuple[str, float]]) -> None:
    row = SharedLimitRow(name, 60.0, None, 20.0, None, tuple(others), 1.0)
    for width in range(0, 120, 7):
        text = share_line(row, width)
        assert cell_len(text) <= width
        assert clean_line(text) == text
