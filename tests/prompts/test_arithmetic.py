"""The arithmetic task and its evaluator."""

from __future__ import annotations

import contextlib
import operator
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.arithmetic import MAX_EXPRESSION, Arithmetic, evaluate
from llmdash.prompts.source import Prompt
from llmdash.prompts.verdict import Verdict

_SIGNS = {"+": operator.add, "-": operator.sub}


def reduced(numbers: list[int], operators: list[str]) -> int:
    """The value by another way: products first, by shortening the list, then sums from the left."""
    numbers, operators = list(numbers), list(operators)
    while "*" in operators:
        at = operators.index("*")
        numbers[at : at + 2] = [numbers[at] * numbers[at + 1]]
        del operators[at]
    total = numbers[0]
    for sign, number in zip(operators, numbers[1:], strict=True):
        total = _SIGNS[sign](total, number)
    return total


sums = st.integers(min_value=1, max_value=12).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(min_value=-(10**6), max_value=10**6), min_size=size, max_size=size),
        st.lists(st.sampled_from("+-*"), min_size=size - 1, max_size=size - 1),
    )
)


@given(sums, st.sampled_from("*x×"), st.sampled_from(["", " ", "  "]))
def test_the_value_is_that_of_an_independent_oracle(
    parts: tuple[list[int], list[str]], times: str, space: str
) -> None:
    numbers, operators = parts
    text = str(numbers[0])
    for sign, number in zip(operators, numbers[1:], strict=True):
        text += f"{space}{sign.replace('*', times)}{space}{number}"
    assert evaluate(text) == reduced(numbers, operators)


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-7", -7), ("2 - -3", 5), ("2 x -3", -6), ("- - 4", 4), (" 1+2 ", 3)]
)
def test_signs_and_spaces_are_understood(text: str, value: int) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "1 +",
        "1 2",
        "x 3",
        "1 x x 2",
        "1 / 2",
        "2 ** 3",
        "(1)",
        "1.5",
        "__import__('os')",
        "1 + a",
        "٣",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        evaluate(text)


def test_an_endless_expression_is_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match=str(MAX_EXPRESSION)):
        evaluate("9" * 1_000_000)


@given(st.text())
def test_any_text_gives_a_number_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(evaluate(text), int)


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=-5, max_value=5))
def test_any_prompt_can_be_made_by_itself(index: int, seed: int) -> None:
    source = Arithmetic(index + 1, seed)
    prompt = source.prompt(index)
    expression = source.expression(index)
    assert prompt == Arithmetic(index + 7, seed).prompt(index)
    assert re.fullmatch(r"\d+ [-+x] \d+ [-+x] \d+", expression)
    assert all(1 <= int(number) <= 100 for number in re.findall(r"\d+", expression))
    assert expression in prompt.text
    assert '"result": ?' in prompt.text
    assert prompt.expected == str(evaluate(expression))


def test_prompts_do_not_change_between_versions() -> None:
    """A resumed run must meet the prompts it began with; these were written down once."""
    source = Arithmetic(10_000, 1)
    assert [source.expression(index) for index in (0, 1, 9_999)] == EXPRESSIONS
    assert source.prompt(41).id == "arith-00042"


EXPRESSIONS = ["12 - 42 x 2", "24 + 52 - 42", "71 + 31 - 30"]


def test_all_operators_and_most_numbers_turn_up() -> None:
    source = Arithmetic(3_000)
    text = " ".join(source.expression(index) for index in range(len(source)))
    assert set(re.findall(r"[-+x]", text)) == set("+-x")
    assert len(set(re.findall(r"\d+", text))) == 100


def test_the_fingerprint_tells_seed_and_count_apart() -> None:
    prints = {Arithmetic(count, seed).fingerprint for count in (10, 11) for seed in (1, 2)}
    assert len(prints) == 4


def test_an_index_outside_is_an_error() -> None:
    source = Arithmetic(3)
    for index in (-1, 3):
        with pytest.raises(IndexError):
            source.prompt(index)


def test_the_source_scores_answers() -> None:
    source = Arithmetic(1)
    prompt = source.prompt(0)
    assert source.score(prompt, f'{{"result": {prompt.expected}}}') is Verdict.RIGHT
    assert source.score(prompt, '{"result": 123456789}') is Verdict.NOT_EQUAL
    assert source.score(prompt, "no idea") is Verdict.NOT_PARSEABLE
    assert source.score(Prompt("x", (("user", "hello"),)), "hello") is Verdict.UNSCORED
