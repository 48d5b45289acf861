"""What is said of an answer: how it compares with what was expected, and how attempts differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import Inspection, JobRow
from llmdash.engine.model.states import JobState, Verdict
from llmdash.ui.inspector.answer_lines import answer_lines, compared_lines, difference_lines
from llmdash.ui.stream.wrapping import Kind, Line

ROW = JobRow(3, "add-3", JobState.DONE, verdict=Verdict.NOT_EQUAL)
WRONG = Inspection(ROW, expected="418", answer='{"expression": "65 x 6 + 28", "result": 408}', check="equal")


def drawn(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in line).rstrip() for line in lines]


def test_the_result_stands_over_what_was_expected_and_says_how_far_it_is_off() -> None:
    assert drawn(list(compared_lines(WRONG))) == [
        "  result     408",
        "  expected   418     ≠ by 10",
        "  check      equal     ≠ not equal",
    ]
    marked = [span.text for line in compared_lines(WRONG) for span in line if span.kind is Kind.WARNING]
    assert marked == ["408", "     ≠ by 10", "     ≠ not equal"]


def test_objects_are_compared_field_by_field() -> None:
    found = replace(
        WRONG, answer='{"name": "Ann", "place": {"town": "Bonn"}, "more": 1}',
        expected='{"name": "Ann", "place": {"town": "Ulm", "code": 89}}',
    )  # fmt: skip
    lines = drawn(list(compared_lines(found)))
    assert lines[:5] == [
        "field        answer    expected",
        "name         Ann       Ann",
        "place.town  ≠Bonn      Ulm",
        "place.code  ≠–         89",
        "more         1         –",
    ]


def test_an_answer_that_breaks_its_schema_says_how() -> None:
    row = replace(ROW, state=JobState.INVALID, verdict=Verdict.UNSCORED, error="'age' is a required property")
    lines = drawn(answer_lines(Inspection(row, answer="{}"), rendered=False))
    assert "  invalid    'age' is a required property" in lines


def test_nothing_is_compared_before_the_end() -> None:
    row = replace(ROW, state=JobState.STREAMING, verdict=Verdict.UNSCORED)
    assert drawn(list(compared_lines(Inspection(row, expected="4", answer="{")))) == ["  expected   4"]


@pytest.mark.parametrize(
    ("before", "after", "drawn_lines"),
    [
        ("the sum is 4", "the sum is 5", ["the sum is [-4-]{+5+}"]),
        ("same", "same", ["no difference", "", "same"]),
        ("", "new", ["{+new+}"]),
        ("a\nb", "a\nc", ["a", "[-b-]{+c+}"]),
    ],
)
def test_the_difference_is_marked_word_by_word(before: str, after: str, drawn_lines: list[str]) -> None:
    assert drawn(difference_lines(before, after)) == drawn_lines


@given(st.text(st.sampled_from("ab c."), max_size=40), st.text(st.sampled_from("ab c."), max_size=40))
def test_both_texts_can_be_read_from_their_difference(before: str, after: str) -> None:
    if before == after:
        return
    lines = [line for line in difference_lines(before, after) if line]
    spans = [span for line in lines for span in line if span.kind is not Kind.WORDS]
    ours = "".join(
        s.text[2:-2] if s.kind is Kind.ADDED else s.text for s in spans if s.kind is not Kind.TAKEN
    )
    theirs = "".join(
        s.text[2:-2] if s.kind is Kind.TAKEN else s.text for s in spans if s.kind is not Kind.ADDED
    )
    assert (theirs, ours) == (before, after)
