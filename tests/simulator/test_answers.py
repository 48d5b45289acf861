"""What the simulated model says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.arithmetic import Arithmetic
from llmdash.prompts.verdict import Verdict
from llmdash.simulator.answers import Completion, Question, compose, find_expression
from llmdash.simulator.chunks import split_chunks

TASK = Arithmetic(10_000, 7)


def ask(text: str, seed: int = 0, wrong_rate: float = 0.0, most: int | None = None) -> Completion:
    return compose(Question("m", (("user", text),), most), random.Random(seed), wrong_rate)


@given(st.text())
def test_chunks_joined_are_the_text(text: str) -> None:
    assert "".join(split_chunks(text)) == text


def test_chunks_look_like_tokens() -> None:
    assert split_chunks('{"expression": "12 + 345", "result": -7}') == (
        *('{"', "expression", '":', ' "', "12", " +", " 345", '",'),
        *(' "', "result", '":', " -", "7", "}"),
    )


def test_the_arithmetic_task_is_solved() -> None:
    for index in range(1_000):
        prompt = TASK.prompt(index)
        answer = ask(prompt.text, seed=index)
        assert answer.right is True
        assert TASK.score(prompt, answer.text) is Verdict.RIGHT


def test_wrong_answers_come_at_their_rate_and_some_cannot_be_parsed() -> None:
    """What the simulator calls right is exactly what the scorer calls right."""
    verdicts = []
    for index in range(3_000):
        prompt = TASK.prompt(index)
        answer = ask(prompt.text, seed=index, wrong_rate=0.2)
        verdicts.append(TASK.score(prompt, answer.text))
        assert answer.right is (verdicts[-1] is Verdict.RIGHT)
    assert verdicts.count(Verdict.RIGHT) / 3_000 == pytest.approx(0.8, abs=0.03)
    assert verdicts.count(Verdict.NOT_PARSEABLE) > 30
    assert verdicts.count(Verdict.NOT_EQUAL) > 300


def test_some_answers_are_wrapped_as_real_models_wrap_them() -> None:
    answers = [ask(TASK.prompt(index).text, seed=index).text for index in range(300)]
    assert 15 < sum("```" in text for text in answers) < 90
    assert any(text.startswith("Sure!") for text in answers)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("What is 1 + 2 x 3?", "1 + 2 x 3"),
        ("17 x 23", "17 x 23"),
        ("solve 4*5-6 now", "4*5-6"),
        ("-3 × 2 + 1", "-3 × 2 + 1"),
        ("in 1-2 sentences", None),
        ("from 9-5", None),
        ("version 1.2 - 3", None),
        ("no numbers", None),
        ("x + y - z", None),
        ("sha256 + 1 + a", None),
    ],
)
def test_sums_are_told_from_other_numbers(text: str, expression: str | None) -> None:
    assert find_expression(text) == expression


def test_a_sum_over_two_lines_still_makes_valid_json() -> None:
    answer = ask('As JSON {"result": ?}: 1 +\n 2 x 3', seed=1)
    assert '"expression": "1 + 2 x 3", "result": 7' in answer.text


def test_a_sum_without_json_is_answered_in_plain_words() -> None:
    assert ask("What is 2 + 3 x 4?").text == "2 + 3 x 4 = 14."


def test_the_last_user_message_counts() -> None:
    messages = (("user", "1 + 1 + 1"), ("assistant", "3"), ("user", "2 + 2 + 2"), ("assistant", "hm"))
    assert compose(Question("m", messages), random.Random(1), 0.0).text == "2 + 2 + 2 = 6."


def test_a_verse_has_lines_and_names_its_topic() -> None:
    lines = ask("Write me a song of one verse about sparkling water.").text.splitlines()
    assert len(lines) == 4
    assert "Sparkling water" in lines[1]


def test_a_greeting_is_returned_and_a_capital_known() -> None:
    assert ask("Hello, how are you?").text[0] in "HG"
    assert ask("What is the capital of New Zealand, in Oceania?").text == "Wellington"
    assert ask("What is the capital of Atlantis?").text != "Wellington"


def test_other_prompts_get_several_sentences_and_not_only_ascii() -> None:
    answers = [ask("Why is the sea salty?", seed=seed).text for seed in range(40)]
    assert len(set(answers)) > 30
    assert all(text.count(".") >= 2 for text in answers)
    assert any("→" in text for text in answers)
    assert any("千里" in text for text in answers)


def test_an_answer_is_cut_at_max_tokens_and_says_so() -> None:
    whole = ask("Why is the sea salty?", seed=1)
    cut = ask("Why is the sea salty?", seed=1, most=5)
    assert cut.chunks == whole.chunks[:5]
    assert (whole.finish_reason, cut.finish_reason) == ("stop", "length")
    assert ask(TASK.prompt(0).text, most=3).right is False


@pytest.mark.parametrize(
    "text",
    [
        "9" * 1_000_000,
        "1+" * 500_000,
        "1 " * 500_000,
        " " * 1_000_000 + "1",
        "1 + 1" + " " * 1_000_000,
        "of " * 300_000,
    ],
    ids=["digits", "operators", "numbers", "space", "sum and space", "topics"],
)
def test_a_megabyte_of_prompt_is_soon_answered(text: str) -> None:
    assert ask(text).chunks


@given(st.text(), st.integers())
def test_any_prompt_gets_an_answer(text: str, seed: int) -> None:
    assert ask(text, seed).text
