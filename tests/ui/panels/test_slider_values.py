"""What is typed into a slider, and what was requested and is not confirmed yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.charts.log_scale import LogScale
from llmdash.ui.panels.requested_value import SHOWS_TO_CONFIRM, RequestedValue
from llmdash.ui.panels.typed_value import LONGEST, TypedValue

SCALE = LogScale(0.1, 1000.0, False, True)
KEYS = st.sampled_from([*"0123456789.infmaxqé٣", "enter", "escape", "backspace", "left", "", "🙂"])
VALUES = st.none() | st.floats(0.1, 1000.0)


def type_into(value: TypedValue, *keys: str) -> list[str]:
    """Press keys; return what was entered by those that it takes."""
    entered = []
    for key in keys:
        character = key if len(key) == 1 else {"enter": "\r", "escape": "\x1b"}.get(key, "")
        if value.takes(key, character):
            entered.append(value.press(key, character))
    return [text for text in entered if text]


@pytest.mark.parametrize(
    ("keys", "entered"),
    [
        ("12.5", "12.5"),
        ("007", "007"),
        ("inf", "inf"),
        ("max", "max"),
        (".5", ".5"),
        ("1" * 20, "1" * LONGEST),
    ],
)
def test_a_number_or_a_word_is_entered(keys: str, entered: str) -> None:
    assert type_into(TypedValue(), *keys, "enter") == [entered]


@pytest.mark.parametrize("keys", [(), (".",), ("i", "n"), ("m",), ("1", "backspace"), ("9", "escape")])
def test_what_is_no_number_and_no_word_is_not_entered(keys: tuple[str, ...]) -> None:
    value = TypedValue()
    assert type_into(value, *keys, "enter") == []
    assert value.text == ""


@given(st.lists(KEYS, max_size=30))
def test_whatever_is_typed_is_short_and_what_is_entered_can_be_read(keys: list[str]) -> None:
    value = TypedValue()
    for text in type_into(value, *keys):
        try:
            SCALE.parse(text)
        except ValueError as refused:
            assert "sends nothing" in str(refused)
    assert len(value.text) <= LONGEST


@given(VALUES, VALUES)
def test_a_request_is_open_until_it_is_reported(reported: float | None, asked: float | None) -> None:
    value = RequestedValue(reported)
    is_other = value.ask(asked)
    assert value.newest == (asked if is_other else reported)
    assert value.is_open is is_other
    value.report(value.newest)
    assert not value.is_open
    assert value.newest == value.reported


def test_a_request_that_is_never_reported_counts_as_refused() -> None:
    value = RequestedValue(5.0)
    assert value.ask(9.0)
    for _ in range(SHOWS_TO_CONFIRM):
        assert value.newest == 9.0
        value.report(5.0)
    assert not value.is_open
    assert value.newest == 5.0


def test_the_same_is_not_requested_twice() -> None:
    value = RequestedValue(5.0)
    assert not value.ask(5.0)
    assert value.ask(None)
    assert not value.ask(None)


def test_a_request_that_is_taken_back_is_over_at_once() -> None:
    value = RequestedValue(5.0)
    assert value.ask(9.0)
    assert value.ask(5.0)
    assert not value.is_open


def test_a_forgotten_request_leaves_what_is_reported() -> None:
    value = RequestedValue(5.0)
    assert value.ask(None)
    value.forget()
    assert value.newest == 5.0
