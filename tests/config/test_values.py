"""Each setting says what it takes, and says it in one line when it gets something else."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmdash.config import MAX_RATE, MIN_RATE, ConfigError, parse_rate
from llmdash.config.key_list import parse_keys
from llmdash.config.values import (
    ordinal,
    parse_base_url,
    parse_number,
    parse_switch,
    parse_text,
    parse_whole,
    shown,
)
from llmdash.sanitize import clean_line

HUGE = 16**5000
odd_values = st.one_of(
    st.text(),
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.binary(),
    st.lists(st.text()),
    st.just(HUGE),
)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/s", 5.0),
        ("5", 5.0),
        (5, 5.0),
        (0.5, 0.5),
        ("300/min", 5.0),
        ("1000/h", 1000 / 3600),
        (" 2.5 / Second ", 2.5),
        (".5/s", 0.5),
        ("90/m", 1.5),
        ("7200/hour", 2.0),
        ("0.01", MIN_RATE),
        ("36/h", MIN_RATE),
        ("100000/s", MAX_RATE),
        ("unlimited", None),
        ("MAX", None),
    ],
)
def test_a_rate_is_requests_a_second(text: object, rate: float | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "5/",
        "/s",
        "5/day",
        "5/s/s",
        "-5/s",
        "1e3",
        "1,000/h",
        "5 s",
        "0x10",
        "٥/s",
        "nan",
        "inf",
        "5/s\n5/s",
    ],
)
def test_what_is_no_rate_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a rate; write a rate such as 5/s, 300/min") as caught:
        parse_rate(text)
    assert shown(text) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["0", "0/s", "0.009", "35/h", "100001", "9" * 400, 0, -1, 1e9, "0.0000001/h"]
)
def test_a_rate_out_of_range_is_refused(text: object) -> None:
    with pytest.raises(ConfigError, match="write a rate such as"):
        parse_rate(text)


@given(
    st.floats(MIN_RATE, MAX_RATE).map(lambda rate: round(rate, 3)),
    st.sampled_from([("s", 1), ("sec", 1), ("min", 60), ("minute", 60), ("h", 3600), ("hour", 3600)]),
    st.sampled_from(["{}/{}", " {} / {} ", "{}/{} "]),
)
def test_a_rate_written_in_any_unit_means_the_same(rate: float, unit: tuple[str, int], form: str) -> None:
    word, period = unit
    number = f"{rate * period:.6f}"
    found = parse_rate(form.format(number, word))
    assert found is not None
    assert math.isclose(found, rate, rel_tol=1e-3)


@given(odd_values)
def test_anything_is_a_rate_in_range_or_a_clear_error(value: object) -> None:
    try:
        rate = parse_rate(value)
    except ConfigError as error:
        assert_one_safe_line(error)
    else:
        assert rate is None or MIN_RATE <= rate <= MAX_RATE


@given(odd_values)
def test_every_setting_takes_a_value_or_gives_one_safe_line(value: object) -> None:
    parsers: list[Callable[[object], object]] = [
        lambda given: parse_whole(given, 1, 10),
        lambda given: parse_number(given, 0, 2),
        parse_switch,
        parse_text,
        lambda given: parse_base_url(given, allow_insecure=False),
    ]
    for parse in parsers:
        try:
            parse(value)
        except ConfigError as error:
            assert_one_safe_line(error)


def assert_one_safe_line(error: ConfigError) -> None:
    text = str(error)
    assert clean_line(text) == text
    assert len(text) < 250
    assert "; " in text


def test_whole_numbers() -> None:
    assert parse_whole("64", 1, 100) == parse_whole(64, 1, 100) == parse_whole(" 64 ", 1, 100) == 64
    for wrong in ("6.4", "", "x", True, 6.0, None, "1_0", "٣"):
        with pytest.raises(ConfigError, match="is not a whole number; write one from 1 to 100"):
            parse_whole(wrong, 1, 100)
    for outside in (0, 101, "-3", HUGE):
        with pytest.raises(ConfigError, match="is out of range; write a whole number from 1 to 100"):
            parse_whole(outside, 1, 100)


def test_numbers() -> None:
    assert parse_number("0.7", 0, 2) == parse_number(0.7, 0, 2) == 0.7
    assert parse_number("1e-1", 0, 2) == 0.1
    for wrong in ("warm", "nan", "inf", math.nan, math.inf, True, None, HUGE, "1_0"):
        with pytest.raises(ConfigError, match="is not a number; write one from 0 to 2"):
            parse_number(wrong, 0, 2)
    with pytest.raises(ConfigError, match=r"'2\.1' is out of range; write a number from 0 to 2"):
        parse_number("2.1", 0, 2)


def test_switches() -> None:
    assert all(parse_switch(word) for word in (True, "1", "true", "YES", " on "))
    assert not any(parse_switch(word) for word in (False, "0", "False", "no", "off"))
    for wrong in ("", "maybe", 1, 0, None):
        with pytest.raises(ConfigError, match="is neither true nor false; write one of them"):
            parse_switch(wrong)


def test_texts() -> None:
    assert parse_text(" gpt-4o-mini ") == "gpt-4o-mini"
    for wrong in ("", "  ", "a\nb", "a\x1b[2J", "m" * 201, 5, None):
        with pytest.raises(ConfigError, match="is not a name"):
            parse_text(wrong)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        (" https://api.openai.com/v1/// ", "https://api.openai.com/v1"),
        ("HTTPS://host:8443/", "https://host:8443"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ("http://127.9.9.9/v1", "http://127.9.9.9/v1"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
    ],
)
def test_a_base_url_loses_only_the_slash_at_its_end(text: str, url: str) -> None:
    assert parse_base_url(text, allow_insecure=False) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a URL"),
        ("https://a b/v1", "is not a URL"),
        ("https://a\nb/v1", "is not a URL"),
        ("https://exämple.com", "is not a URL"),
        ("https://good.example\\@evil.example/", "is not a URL"),
        ("api.openai.com/v1", "does not begin with https://"),
        ("localhost:8000", "does not begin with https://"),
        ("ftp://host/v1", "does not begin with https://"),
        ("https:///v1", "invalid host or port"),
        ("https://host:0/v1", "invalid host or port"),
        ("https://host:99999/v1", "invalid host or port"),
        ("https://host:port/v1", "invalid host or port"),
        ("https://[::1/v1", "invalid host or port"),
        ("https://me:hunter2@host/v1", "holds a user or password"),
        ("https://host/v1?key=hunter2", "holds a query or fragment"),
        ("https://host/v1#hunter2", "holds a query or fragment"),
        ("http://host/v1", "set allow_insecure = true"),
        ("http://127.0.0.1.evil.example/v1", "set allow_insecure = true"),
        ("http://localhost.evil.example/v1", "set allow_insecure = true"),
        ("http://10.0.0.1/v1", "set allow_insecure = true"),
    ],
)
def test_a_base_url_that_cannot_be_used_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_base_url(text, allow_insecure=False)
    assert "hunter2" not in str(caught.value) or "#" in text


def test_http_elsewhere_is_taken_when_it_is_asked_for() -> None:
    assert parse_base_url("http://10.0.0.1/v1", allow_insecure=True) == "http://10.0.0.1/v1"


def test_a_list_of_keys_loses_blanks_and_repetitions() -> None:
    keys, warnings = parse_keys(" sk-a , sk-b ,, sk-a,sk-c, sk-b ,")
    assert [key.reveal() for key in keys] == ["sk-a", "sk-b", "sk-c"]
    assert warnings == (
        "the 3rd key repeats the 1st; it counts once",
        "the 5th key repeats the 2nd; it counts once",
    )


@given(
    st.lists(
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=",;|[]\"'")),
        max_size=20,
    )
)
def test_keys_come_back_in_order_and_once(values: list[str]) -> None:
    keys, warnings = parse_keys(" ,".join(values))
    given_keys = [value for value in values if value]
    assert [key.reveal() for key in keys] == list(dict.fromkeys(given_keys))
    assert len(warnings) == len(given_keys) - len(keys)


@given(st.text(min_size=8, max_size=40), st.integers(0, 5))
def test_a_wrong_key_is_counted_and_never_repeated(value: str, before: int) -> None:
    assume(not set(",;[]\"'") & set(value) and not any(map(str.isspace, value)))
    assume(not all("\x21" <= character <= "\x7e" for character in value))
    with pytest.raises(ConfigError) as caught:
        parse_keys(",".join([*(f"sk-{number}" for number in range(before)), value]))
    assert str(caught.value).startswith(f"the {ordinal(before + 1)} key holds ")
    assert value not in str(caught.value)


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "sk-live-0123456789abcdef0123",
        "https://user:0123456789abcdef@host",
        "https://host/?api_key=0123456789abcdef",
        "gsk_0123456789abcdef0123456789",
        ["sk-0123456789abcdef"],
        "x" * 190 + " 0123456789abcdef0123456789abcdef",
        "x " * 90 + "sk-0123456789abcdef0123456789abcdef",
    ],
)
def test_what_is_shown_holds_nothing_that_looks_like_a_key(value: object) -> None:
    assert "0123456789" not in shown(value)


def test_what_is_shown_is_short_and_on_one_line() -> None:
    assert shown("a\nb\x1b") == "'a⏎b␛'"
    assert len(shown("word " * 100_000)) <= 63
    assert shown("@" * 1_000_000)
