"""Numbers of options: those that are none are refused, wherever a range is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from llmdash.cli import main
from llmdash.cli.number_range import NumberRange
from tests.pages import commands_of


def _ranges() -> Iterator[tuple[tuple[str, ...], str]]:
    """The options that take a number of a range, with the words that call their commands."""
    assert isinstance(main, click.Group)
    for words, command in commands_of(main):
        for parameter in command.params:
            is_range = isinstance(parameter.type, click.types.FloatParamType | click.IntRange)
            if is_range and isinstance(parameter, click.Option):
                yield words, parameter.opts[0]


RANGES = sorted(_ranges())


def test_there_are_such_options() -> None:
    assert (("runs", "replay"), "--speed") in RANGES


@pytest.mark.parametrize(("words", "option"), RANGES)
@pytest.mark.parametrize("value", ["nan", "-nan", "x", "-1", "1e"])
def test_what_is_no_number_of_the_range_is_refused(words: tuple[str, ...], option: str, value: str) -> None:
    refused = CliRunner().invoke(main, [*words, f"{option}={value}"])
    assert refused.exit_code == 2
    assert f"Invalid value for '{option}'" in refused.output
    assert "number" in refused.output and "<=" not in refused.output.partition("Invalid")[2]
    assert "integer range" not in refused.output


@pytest.mark.parametrize("value", ["nan", "x", "0", "1e"])
def test_what_is_no_number_of_a_batch_is_refused(value: str) -> None:
    refused = CliRunner().invoke(main, ["batches", "cancel", "last", value])
    assert refused.exit_code == 2
    assert "number" in refused.output
    assert "<=" not in refused.output


def test_the_ends_of_a_range_belong_to_it() -> None:
    numbers = NumberRange(0.1, 1_000)
    assert [numbers.convert(text, None, None) for text in ("0.1", "1e3", "7")] == [0.1, 1_000, 7]
    assert NumberRange(0).convert("inf", None, None) == float("inf")
