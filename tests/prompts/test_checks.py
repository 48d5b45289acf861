"""Checks of answers: what counts as right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.checks import CHECKS, CheckError, check_answer, last_number, parse_check
from llmdash.prompts.verdict import Verdict

RIGHT, WRONG, UNREADABLE = Verdict.RIGHT, Verdict.NOT_EQUAL, Verdict.NOT_PARSEABLE


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("26 - 29 + 6 = 3. Hope that helps!", 3),
        ("The answer is -7.", -7),
        ("is \u22123", -3),
        ("x = - 4", -4),
        ("5-3", 3),
        ("5 -3", 3),
        ("(2) - 3", 3),
        ("between 3\u20135", 5),
        ("1,234,567.5", 1_234_567.5),
        ("1.234.567,5 kg", 1_234_567.5),
        ("1'234.5", 1234.5),
        ("1\u202f234", 1234),
        ("$1,234.50.", 1234.5),
        ("3e5", 300_000),
        (".5", 0.5),
        ("7,8", 8),
        ("**14**", 14),
        ("- 4 apples", 4),
        (r"\boxed{12}, in 5 steps", 12),
        ("#### 42\nthe 7 dwarfs", 42),
        ("10 %", 10),
        ("two", None),
        ("", None),
        ("9" * 500, None),
        ("1e999", None),
    ],
)
def test_an_answer_ends_with_this_number(text: str, number: float | None) -> None:
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("check", "expected", "text", "verdict"),
    [
        ("number", "3", "26 - 29 + 6 = 3. Hope that helps!", RIGHT),
        ("number", "#### 1,234", "It is 1234.0", RIGHT),
        ("number", "3", "It is 4.", WRONG),
        ("number", "3", "I cannot say.", UNREADABLE),
        ("number", "5", '{"result": 5, "note": "as 7 dwarfs"}', RIGHT),
        ("number", "0.3", "0.30000000000000004", RIGHT),
        ("equal", "yes", " yes\n", RIGHT),
        ("equal", "yes", "Yes", WRONG),
        ("contains", "Paris", "It is paris, of course.", RIGHT),
        ("contains", "Paris", "It is Rome.", WRONG),
        ("pattern", r"^\d{4}-\d\d$", "2024-05", RIGHT),
        ("pattern", r"^\d{4}$", "2024-05", WRONG),
        ("pattern", "(", "anything", UNREADABLE),
        ("json", '{"a": [1, 2.0]}', '```json\n{"a": [1.0, 2]}\n```', RIGHT),
        ("json", '{"a": 1, "b": null}', 'Sure: {"b": null, "a": 1}', RIGHT),
        ("json", '{"a": 1}', '{"a": true}', WRONG),
        ("json", "[1]", "[1]", RIGHT),
        ("json", "3", "3.0", RIGHT),
        ("json", '{"a": 1}', "none", UNREADABLE),
        ("json", "not json", "{}", WRONG),
        (None, "5", '{"result": 5}', RIGHT),
        (None, "5", "5 ", RIGHT),
    ],
)
def test_the_verdict_of_each_check(check: str | None, expected: str, text: str, verdict: Verdict) -> None:
    assert check_answer(check, expected, text) is verdict


@pytest.mark.parametrize("check", [*CHECKS, None])
def test_where_nothing_is_expected_nothing_is_scored(check: str | None) -> None:
    assert check_answer(check, None, "anything") is Verdict.UNSCORED


def test_a_pattern_that_would_take_for_ever_is_given_up() -> None:
    assert check_answer("pattern", "(.*,){12}P", "abcdefgh," * 400) is UNREADABLE


@given(st.sampled_from(CHECKS), st.text(max_size=60), st.text(max_size=300))
def test_no_text_breaks_a_check(check: str, expected: str, text: str) -> None:
    assert check_answer(check, expected, text) in (RIGHT, WRONG, UNREADABLE)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["{}", "= {}.", "The answer is {}!", "\n{}\n"]))
def test_a_number_is_found_whatever_is_around_it(number: int, form: str) -> None:
    assert check_answer("number", str(number), form.format(f"{number:,}")) is RIGHT


@given(st.recursive(st.none() | st.booleans() | st.integers(-99, 99) | st.text(), st.lists, max_leaves=9))
def test_a_json_value_is_itself_in_every_layout(value: object) -> None:
    assert check_answer("json", json.dumps(value), json.dumps(value, indent=2)) is RIGHT


def test_an_unknown_check_is_refused_with_those_that_there_are() -> None:
    assert parse_check(" Number ") == "number"
    with pytest.raises(CheckError, match="'numbr' is not a check; known are equal, number"):
        parse_check("numbr")
