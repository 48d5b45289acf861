"""The bar of a job: waiting, first token, stream, on one scale."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import JobRow
from llmdash.engine.model.states import JobState
from llmdash.ui.charts.job_bar import JOB_BAR_PHASES, job_bar, nice_scale

TIMES = st.none() | st.floats(min_value=0, max_value=1e9)


def _bar(row: JobRow, scale_s: float = 2.0, width: int = 11) -> str:
    return "".join(text for text, _style in job_bar(row, scale_s, width))


def test_a_job_that_was_just_sent_goes_on_towards_its_first_token() -> None:
    row = JobRow(1, "a", JobState.SENT, wait_s=0.05, time_s=0.11)
    assert _bar(row) == "·╴"


def test_a_job_that_streams_goes_on_after_its_first_token() -> None:
    row = JobRow(1, "a", JobState.STREAMING, wait_s=0.06, ttft_s=0.41, time_s=0.74)
    assert _bar(row) == "·──╸"
    assert job_bar(row, 2.0, 11)[-1] == ("╸", "primary")


def test_a_job_that_has_ended_is_green_where_it_streamed_and_red_where_it_failed() -> None:
    done = JobRow(1, "a", JobState.DONE, wait_s=0.05, ttft_s=0.37, time_s=0.92)
    assert job_bar(done, 2.0, 11) == (("·", "muted"), ("─", "secondary"), ("━━━", "success"))
    failed = JobRow(1, "a", JobState.FAILED, wait_s=0.05, ttft_s=0.37, time_s=0.92)
    assert job_bar(failed, 2.0, 11)[-1] == ("━━━", "error")


def test_a_job_without_a_first_token_has_only_waited_for_it() -> None:
    assert _bar(JobRow(1, "a", JobState.FAILED, wait_s=0.4, time_s=0.42)) == "··───"


def test_a_job_longer_than_the_scale_says_so_in_its_last_cell() -> None:
    bar = _bar(JobRow(1, "a", JobState.FAILED, wait_s=0.1, time_s=60.0))
    assert bar == "·─────────»" and len(bar) == 11


def test_a_job_that_waits_has_dots_alone_and_one_that_has_not_begun_has_none() -> None:
    assert _bar(JobRow(1, "a", JobState.LIMITER, wait_s=0.7)) == "····"
    assert _bar(JobRow(1, "a")) == ""


@given(
    TIMES,
    TIMES,
    TIMES,
    st.sampled_from(JobState),
    st.floats(min_value=1e-6, max_value=1e6),
    st.integers(min_value=-1, max_value=60),
)
def test_a_bar_never_leaves_its_cells(
    wait_s: float | None,
    ttft_s: float | None,
    time_s: float | None,
    state: JobState,
    scale_s: float,
    width: int,
) -> None:
    row = JobRow(1, "a", state, wait_s=wait_s, ttft_s=ttft_s, time_s=time_s)
    pieces = job_bar(row, scale_s, width)
    assert sum(len(text) for text, _style in pieces) <= max(0, width)
    assert {style for _text, style in pieces} <= set(JOB_BAR_PHASES)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_scale_is_1_2_or_5_times_a_power_of_ten_and_not_below_what_it_has_to_show(seconds: float) -> None:
    scale = nice_scale(seconds)
    assert seconds * (1 - 1e-6) <= scale <= 2.5 * seconds * (1 + 1e-6)
    mantissa = scale / 10.0 ** math.floor(math.log10(scale) + 1e-9)
    assert min(abs(mantissa - step) for step in (1, 2, 5)) < 1e-3
