"""Rows of a table that are tried in one test."""

from __future__ import annotations

import inspect

import pytest

from tests.rows import for_each

TRIED: list[tuple[str, int]] = []


@for_each("number", [1, 2, 3])
@for_each("letter", "ab")
def test_every_row_is_tried(number: int, letter: str) -> None:
    TRIED.append((letter, number))
    if number == 3 and letter == "b":
        assert sorted(TRIED) == [(letter, number) for letter in "ab" for number in (1, 2, 3)]


def test_the_row_that_fails_is_named() -> None:
    @for_each("number", range(5))
    def fails(number: int) -> None:
        assert number != 3

    with pytest.raises(AssertionError) as caught:
        fails()
    assert caught.value.__notes__ == ["in the row 3"]


async def test_a_row_may_be_awaited_and_others_keep_their_fixtures() -> None:
    @for_each("number", range(5))
    async def waits(number: int, tmp_path: str) -> None:
        assert number != 4, tmp_path

    assert list(inspect.signature(waits).parameters) == ["tmp_path"]
    with pytest.raises(AssertionError, match="here") as caught:
        await waits(tmp_path="here")
    assert caught.value.__notes__ == ["in the row 4"]
