"""JSON out of answers, and scores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.answers import first_json_object, score_arithmetic, score_text
from llmdash.prompts.source import Prompt, PromptList
from llmdash.prompts.verdict import Verdict

scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
objects = st.dictionaries(st.text(), values, max_size=4)
prose = st.text().filter(lambda text: "{" not in text)


@given(prose, objects, st.text())
def test_an_object_is_found_whatever_stands_around_it(before: str, value: dict[str, Any], after: str) -> None:
    assert first_json_object(before + json.dumps(value) + after) == value
    assert first_json_object(f"{before}\n```json\n{json.dumps(value, indent=2)}\n```\n{after}") == value


@given(st.text())
def test_any_text_gives_an_object_or_none(text: str) -> None:
    found = first_json_object(text)
    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("no braces", None),
        ("[1, 2]", None),
        ('{not json} but {"result": 2}', {"result": 2}),
        ('{"a": {"result": 3}, oops} ', {"result": 3}),
        ('a set {x | x > 0} and {"s": "a } in a string {"}', {"s": "a } in a string {"}),
        ('{"cut": "off', None),
        ("{}", {}),
        ('\\frac{1}{2} = {"result": 0.5}', {"result": 0.5}),
        ('{"result": NaN}', {"result": None}),
    ],
)
def test_the_first_object_that_parses_is_taken(text: str, found: dict[str, Any] | None) -> None:
    assert first_json_object(text) == found


HOSTILE = {
    "open braces": "{" * 1_000_000,
    "open objects": '{"' * 500_000,
    "deep objects": '{"a":' * 200_000,
    "deep objects and lists": '{"a":[{' * 150_000,
    "braces in cut strings": '{"k":"{\\"k\\":"' * 70_000,
    "objects begun twice": '{"a":1,"b":{"a":2,' * 50_000,
    "white space": "{" + " " * 1_000_000,
    "an endless number": '{"result": ' + "9" * 900_000 + "}",
    "numbers without end": ('{"result": ' + "9" * 5_000 + "} ") * 200,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_hostile_text_is_not_parseable_and_soon_done(text: str) -> None:
    """Each takes a minute where the work grows with the square, or ends the process where the stack grows."""
    assert score_arithmetic("7", text) is Verdict.NOT_PARSEABLE
    assert score_text("7", text) is Verdict.NOT_EQUAL


@pytest.mark.parametrize(
    "result",
    ["1234", "1234.0", '"1234"', '"1,234"', '" +1234 "', '"1,234.00"', '"1234.0"', "1.234e3", '"1.234e3"'],
)
def test_a_result_is_right_however_the_number_is_written(result: str) -> None:
    assert score_arithmetic("1234", f'{{"expression": "x", "result": {result}}}') is Verdict.RIGHT


@pytest.mark.parametrize("result", ["1235", "-1234", '"1,235"', "1234.5", '"1235"', "0"])
def test_another_number_is_not_equal(result: str) -> None:
    assert score_arithmetic("1234", f'{{"result": {result}}}') is Verdict.NOT_EQUAL


@pytest.mark.parametrize(
    "text",
    [
        '{"result": true}',
        '{"result": null}',
        '{"result": "?"}',
        '{"result": ?}',
        '{"result": [7]}',
        '{"result": {"value": 7}}',
        '{"result": "12,34"}',
        '{"result": "seven"}',
        '{"result": Infinity}',
        '{"result": 1e999}',
        '{"answer": 7}',
        "the result is 7",
        "{'result': 7}",
        '{"result": "' + "9" * 5_000 + '"}',
    ],
)
def test_what_blocks_no_number_is_not_parseable(text: str) -> None:
    assert score_arithmetic("7", text) is Verdict.NOT_PARSEABLE


@pytest.mark.parametrize(
    ("expected", "text", "verdict"),
    [
        (None, "anything", Verdict.UNSCORED),
        ("Paris", " Paris\n", Verdict.RIGHT),
        ("Paris", "It is Paris", Verdict.NOT_EQUAL),
        ("Paris", '{"result": "Paris"}', Verdict.RIGHT),
        ("395", 'So: {"result": 395}', Verdict.RIGHT),
        ("395", '{"result": 396}', Verdict.NOT_EQUAL),
        ("395", '{"other": 395}', Verdict.NOT_EQUAL),
        ("", "", Verdict.RIGHT),
    ],
)
def test_any_text_can_be_expected(expected: str | None, text: str, verdict: Verdict) -> None:
    assert score_text(expected, text) is verdict


def test_a_list_in_memory_scores_like_a_file() -> None:
    prompt = Prompt("a", (("user", "1 + 1?"),), "2")
    assert PromptList("list", "f", [prompt]).score(prompt, '{"result": 2}') is Verdict.RIGHT
