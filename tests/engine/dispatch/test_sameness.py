"""The same prompt has the same hash in any run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmdash.engine.dispatch.sameness import prompt_hash
from llmdash.prompts.source import Prompt, RequestBody, Said

HELLO = Prompt("a", (("user", "Hello"),))


def test_ids_expectations_and_options_decide_nothing() -> None:
    other = replace(HELLO, id="b", expected="x", options={"temperature": 1}, carried={"n": 1}, check="equal")
    assert prompt_hash(other) == prompt_hash(HELLO)
    assert len(prompt_hash(HELLO)) == 16


@pytest.mark.parametrize(
    "messages",
    [
        (("user", "hello"),),
        (("system", "Hello"),),
        (("system", "Be brief."), ("user", "Hello")),
        ({"role": "user", "content": [{"type": "text", "text": "Hello"}]},),
        ({"role": "user", "content": "Hello", "name": "x"},),
    ],
)
def test_what_is_said_decides(messages: tuple[Said, ...]) -> None:
    assert prompt_hash(replace(HELLO, messages=messages)) != prompt_hash(HELLO)


def test_a_message_as_an_object_says_the_same() -> None:
    said: Any = {"content": "Hello", "role": "user"}
    assert prompt_hash(replace(HELLO, messages=(said,))) == prompt_hash(HELLO)


def test_of_a_body_all_but_the_model_decides() -> None:
    def of(**fields: Any) -> bytes:
        return prompt_hash(replace(HELLO, body=RequestBody("chat", fields)))

    assert of(model="a", tools=[1]) == of(tools=[1], model="b")
    assert of(model="a", tools=[1]) != of(model="a", tools=[2])


def test_half_of_a_character_has_a_hash_too() -> None:
    halves = [replace(HELLO, messages=(("user", half),)) for half in ("\ud800", "\ud801")]
    assert len({prompt_hash(half) for half in halves}) == 2
