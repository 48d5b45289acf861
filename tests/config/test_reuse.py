"""The settings `reuse` and `dedupe`, from the command line, variables and files."""

from __future__ import annotations

import pytest

from llmdash.config.reuse import ReuseSettings, parse_dedupe, parse_reuse
from llmdash.config.values import ConfigError


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, ReuseSettings()),
        ("all", ReuseSettings()),
        (("all",), ReuseSettings()),
        ("yes", ReuseSettings()),
        ("any", ReuseSettings(sampled=True)),
        (("all", "any"), ReuseSettings(sampled=True)),
        (("sums", "any", "last", "sums"), ReuseSettings(("sums", "last"), sampled=True)),
        (["sums"], ReuseSettings(("sums",))),
        ("sums, last", ReuseSettings(("sums", "last"))),
        (False, None),
        ("off", None),
        (("no",), None),
    ],
)
def test_runs_are_named_or_all_of_them_meant(value: object, wanted: ReuseSettings | None) -> None:
    assert parse_reuse(value) == wanted


@pytest.mark.parametrize("value", [7, 0.5, "", "a,,b", ["a", 7], "a\0b", {"a": 1}, None])
def test_what_is_no_run_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        parse_reuse(value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, ReuseSettings()),
        ("all", ReuseSettings()),
        ("on", ReuseSettings()),
        ("any", ReuseSettings(sampled=True)),
        ("off", None),
        (False, None),
    ],
)
def test_duplicates_are_asked_once_or_not(value: object, wanted: ReuseSettings | None) -> None:
    assert parse_dedupe(value) == wanted


@pytest.mark.parametrize("value", ["sums", 7, []])
def test_what_says_neither_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        parse_dedupe(value)
