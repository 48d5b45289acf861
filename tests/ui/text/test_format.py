"""Numbers, times and states as text: right, and always as wide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.engine.model.frame import JobRow
from llmdash.engine.model.states import (
    EndpointState,
    JobState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
    WorkerState,
)
from llmdash.prompts.verdict import Verdict
from llmdash.ui.text import badges
from llmdash.ui.text import format as fmt

SECONDS = st.floats(min_value=0, max_value=1e9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (192.418, "00:03:12.418"), (59.9996, "00:01:00.000"), (362_439.5, "100:40:39.500")],
)
def test_elapsed_time_has_milliseconds(seconds: float, text: str) -> None:
    assert fmt.elapsed(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "  0ms"), (0.412, "412ms"), (0.9994, "999ms"), (0.9996, "1.00s"), (1.234, "1.23s"),
        (9.996, "10.0s"), (59.94, "59.9s"), (59.96, "1m00s"), (184, "3m04s"), (754, "12m34"),
        (7500, "2h05m"), (45_000, "12h30"),
        (273_600, "3d04h"), (8_640_000, " 100d"), (None, "     "), (math.nan, "     "), (-1, "  0ms"),
    ],
)  # fmt: skip
def test_a_duration_is_five_cells_with_units_that_cannot_be_mistaken(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.case("screen", "eta-range")
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (45.4, "45s"), (59.6, "1m00s"), (401, "6m41s"), (626, "10m26s"), (3599.7, "1h00m"),
        (7500, "2h05m"), (45_000, "12h30m"), (273_600, "3d04h"), (8_640_000, "100d"), (math.nan, "0s"),
    ],
)  # fmt: skip
def test_an_estimate_names_both_of_its_units(seconds: float, text: str) -> None:
    assert fmt.span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (0, "$0.00"), (0.00012, "$0.00012"), (0.0043, "$0.0043"),
        (0.0731, "$0.073"),
        (0.0999, "$0.10"), (0.43, "$0.43"), (12.3, "$12.30"), (1234.5, "$1,234.50"), (-1.0, "$0.00"),
    ],
)  # fmt: skip
def test_an_amount_has_two_digits_that_count(value: float | None, text: str) -> None:
    assert fmt.dollars(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0ms"), (0.0011, "1.1ms"), (0.00994, "9.9ms"), (0.00996, " 10ms"), (0.0123, " 12ms"),
        (1.5, "1.50s"), (None, "     "), (math.nan, "     "), (-1, "  0ms"),
    ],
)  # fmt: skip
def test_a_round_trip_has_a_tenth_of_a_millisecond(seconds: float, text: str) -> None:
    assert fmt.fine(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "  0ms"), (0.0094, "  9ms"), (0.06, "0.06s"), (0.412, "0.41s"), (1.62, "1.62s"), (75, "1m15s")],
)
def test_times_of_a_table_are_in_seconds(seconds: float, text: str) -> None:
    assert fmt.in_seconds(seconds) == text


@given(SECONDS)
def test_widths_hold_for_every_value(value: float) -> None:
    assert len(fmt.duration(value)) == 5
    assert len(fmt.fine(value)) == 5
    assert len(fmt.si(value)) == 4
    assert len(fmt.rate(value)) == 7
    assert len(fmt.clock(value)) == 8
    assert len(fmt.countdown(value)) <= 3
    assert len(fmt.percent(value, 1e9)) == 4


@given(st.integers(min_value=0, max_value=10**20), st.integers(min_value=3, max_value=6))
def test_a_count_keeps_its_column(number: int, width: int) -> None:
    text = fmt.short(number, width)
    assert len(text) == width
    if number < 10**width:
        assert int(text) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "   0"), (18, "  18"), (999, " 999"), (2100, "2.1k"), (34_400, " 34k"), (1.2e6, "1.2M")],
)
def test_large_numbers_get_a_unit(number: float, text: str) -> None:
    assert fmt.si(number) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(0.25, " 0.25/s"), (18, " 18.0/s"), (450, "  450/s"), (None, "    ∞/s")]
)
def test_a_rate_has_three_digits(rate: float | None, text: str) -> None:
    assert fmt.rate(rate) == text


def test_a_run_is_at_100_percent_only_when_all_of_it_is_done() -> None:
    assert fmt.percent(9999, 10_000) == " 99%"
    assert fmt.percent(1, 10_000) == "  1%"
    assert fmt.percent(10_000, 10_000) == "100%"
    assert fmt.percent(0, 0) == "    "


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (3.2, "4s"), (59, "59s"), (61, "2m"), (3500, "59m"), (7200, "2h"), (9e5, "11d")],
)
def test_a_countdown_is_rounded_up(seconds: float, text: str) -> None:
    assert fmt.countdown(seconds) == text


@given(st.text(st.characters()), st.integers(min_value=0, max_value=60), st.sampled_from(["left", "right"]))
def test_text_is_fitted_to_the_cell(text: str, width: int, align: fmt.Align) -> None:
    fitted = fmt.fit(text, width, align)
    assert cell_len(fitted) == width
    assert not any(ord(character) < 32 for character in fitted)
    fitted.encode()


def test_wide_characters_are_never_cut_in_two() -> None:
    assert fmt.fit("日本語", 4) == "日… "
    assert fmt.fit("日本語", 6) == "日本語"
    assert fmt.fit("👩‍👩‍👧 family", 3) == "👩‍👩‍👧…"


@given(st.text(st.characters()), st.integers(min_value=0, max_value=60))
def test_a_name_that_is_cut_in_its_middle_is_fitted_to_the_cell(text: str, width: int) -> None:
    fitted = fmt.fit_middle(text, width)
    assert cell_len(fitted) == width
    assert not any(ord(character) < 32 for character in fitted)


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("ticket-2026-000123", 18, "ticket-2026-000123"),
        ("ticket-2026-000123", 12, "tick…-000123"),
        ("ticket", 8, "ticket  "),
        ("ticket", 1, "…"),
        ("日本語日本語", 6, "日…語 "),
        ("a" * 1_000_000 + "-end", 9, "aaa…a-end"),
    ],
)
def test_names_that_begin_alike_are_told_apart_by_their_ends(text: str, width: int, fitted: str) -> None:
    assert fmt.fit_middle(text, width) == fitted


def test_every_state_has_a_glyph_of_one_cell_and_a_word() -> None:
    """States are told by glyph and word, never by colour alone."""
    tables: tuple[tuple[Mapping[Any, badges.Badge], Iterable[Enum]], ...] = (
        (badges.JOB_STATES, JobState),
        (badges.KEY_STATES, KeyState),
        (badges.RUN_STATES, RunState),
        (badges.ENDPOINT_STATES, EndpointState),
        (badges.WAIT_REASONS, WaitReason),
        (badges.SEVERITIES, Severity),
        (badges.WORKER_STATES, WorkerState),
    )
    for table, states in tables:
        looks = [table[state] for state in states]
        assert all(cell_len(badge.glyph) == 1 and badge.word for badge in looks)
        assert len({badge.text for badge in looks}) == len(looks)
    assert len({badges.VERDICTS[verdict].glyph for verdict in Verdict}) == len(Verdict)


def test_what_a_job_waits_for_stands_in_place_of_its_state_until_it_is_on_its_way() -> None:
    waiting = JobRow(0, state=JobState.KEY, reason=WaitReason.DISK, id="")
    assert badges.job_badge(waiting).text == "◌ disk"
    assert badges.job_badge(replace(waiting, state=JobState.SENT)).text == "→ sent"
    assert badges.job_badge(replace(waiting, state=JobState.FAILED)).text == "✗ failed"
    assert badges.job_badge(replace(waiting, reason=None)).text == "◑ key"


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two: three", 12, "one two…"),
        ("onetwothree four", 6, "onetw…"),
        ("one\x1btwo", 20, "one␛two"),
        ("one two", 1, "…"),
        ("one two", 0, ""),
    ],
)
def test_text_is_cut_between_words(text: str, width: int, cut: str) -> None:
    assert fmt.by_words(text, width) == cut


@given(st.text(), st.integers(0, 80))
def test_text_cut_between_words_never_runs_over(text: str, width: int) -> None:
    assert cell_len(fmt.by_words(text, width)) <= width
