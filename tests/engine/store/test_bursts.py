"""Bursts of errors."""

from __future__ import annotations

from llmdash.engine.store.bursts import Burst, ErrorBursts, short_error


def test_five_of_a_kind_within_five_seconds_are_a_burst() -> None:
    bursts = ErrorBursts()
    for second in (1.0, 2.0, 3.0, 4.0, 5.0, 8.0):
        bursts.failed(second, "500 server error: req_1")
    bursts.failed(8.5, "stalled for 60 s")
    assert bursts.ended(12.0) == [], "another may follow"
    assert bursts.ended(13.5) == [Burst("500", 6, 1.0, 8.0)]
    assert bursts.ended(99.0) == []


def test_single_errors_are_none() -> None:
    bursts = ErrorBursts()
    for second in range(0, 60, 2):
        bursts.failed(float(second), "500 server error")
    assert bursts.ended(100.0) == bursts.rest() == []


def test_what_goes_on_is_one_burst_a_minute() -> None:
    bursts = ErrorBursts()
    for tenth in range(1_500):
        bursts.failed(tenth / 10, "503 overloaded")
    found = bursts.rest()
    assert sum(burst.number for burst in found) >= 1_490
    assert [burst.name for burst in found] == ["503"] * 3


def test_kinds_of_errors_without_end_are_not_all_kept() -> None:
    bursts = ErrorBursts()
    for number in range(10_000):
        bursts.failed(0.1, f"error {number}: odd")
    assert len(bursts._recent) <= 50


def test_an_error_is_named_by_its_status_or_by_its_first_words() -> None:
    assert short_error("500 The server had an error: req_77") == "500"
    assert short_error("ReadTimeout: nothing for 60 s") == "ReadTimeout"
    assert short_error("2025 is not a status") == "2025 is not a status"
    assert short_error("") == "error"
