"""Amounts of bytes and ages are read as people write them."""

from __future__ import annotations

import pytest

from llmdash.config import ConfigError
from llmdash.config.kept import parse_age, parse_bytes, parse_keep


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1GB", 10**9),
        ("1.5 gb", 1_500_000_000),
        ("2GiB", 2 * 1024**3),
        ("500m", 500_000_000),
        ("10", 10),
        (10, 10),
        ("0", 0),
        (" 3 TB ", 3 * 10**12),
    ],
)
def test_bytes(text: object, number: int) -> None:
    assert parse_bytes(text) == number


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("12h", 43_200), ("2w", 1_209_600), ("90 min", 5400)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("value", ["", "GB", "-1", "1e9", "1 GB 2", "١GB", True, None, [], "9" * 5000, "1ZB"])
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="is not an amount of bytes"):
        parse_bytes(value)


@pytest.mark.parametrize("value", ["30", "30 days ago", "d", "", True])
def test_what_is_no_age_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="is not an age"):
        parse_age(value)


def test_what_can_be_kept_is_named() -> None:
    assert parse_keep(" None ") == "none"
    with pytest.raises(ConfigError, match="did you mean answers"):
        parse_keep("answer")
