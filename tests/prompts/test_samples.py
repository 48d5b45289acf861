"""The prompt sets that come with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.prompts.readers import open_source

SAMPLES = Path(__file__).parents[2] / "sample_prompts"
SIZES = {
    "arithmetic.toml": 10_000,
    "sparkling-water.toml": 20,
    "greeting.toml": 10,
    "capitals.toml": 28,
    "questions.jsonl": 10,
}


@pytest.mark.parametrize(("file", "size"), SIZES.items())
def test_every_sample_opens_without_a_problem(file: str, size: int) -> None:
    found = open_source(SAMPLES / file)
    assert (len(found), list(found.problems)) == (size, [])
    assert found.name == Path(file).stem
    assert len({found.prompt(index).id for index in range(size)}) == size


def test_no_sample_is_untested() -> None:
    data = {"capitals.csv"}
    assert {path.name for path in SAMPLES.iterdir()} == set(SIZES) | data


def test_the_greeting_is_sent_ten_times() -> None:
    found = open_source(SAMPLES / "greeting.toml")
    assert {found.prompt(index).text for index in range(10)} == {"Hello, how are you?"}


def test_the_capitals_are_scored() -> None:
    found = open_source(SAMPLES / "capitals.toml")
    assert all(found.prompt(index).expected for index in range(len(found)))
