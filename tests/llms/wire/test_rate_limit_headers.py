"""How long a server asks to be left alone, in every form it may say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.wire.rate_limit_headers import retry_after

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
A_MONTH = 31 * 86_400.0


def test_no_header_is_no_hint() -> None:
    assert retry_after({"content-type": "text/html"}) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), (" 2 ", 2.0), ("0.25", 0.25), ("120", 120.0), ("9" * 50, A_MONTH)],
)
def test_retry_after_is_seconds(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_ms_goes_first() -> None:
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5


@pytest.mark.parametrize(
    "when",
    ["Wed, 21 Oct 2015 07:29:30 GMT", "Wednesday, 21-Oct-15 07:29:30 GMT", "2015-10-21T07:29:30Z"],
)
def test_a_date_counts_from_the_answers_own_date(when: str) -> None:
    assert retry_after({"retry-after": when, "date": DATE}) == 90.0


def test_a_date_without_the_answers_own_counts_from_now() -> None:
    assert retry_after({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}) == A_MONTH
    assert retry_after({"retry-after": DATE}) is None


NONSENSE = ["", " ", "soon", "0", "-1", "-0.5", "inf", "-inf", "nan", "1e400", "1_0", "0x10", "1,5", "\u0663"]


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"])
def test_nonsense_is_no_hint(name: str, value: str) -> None:
    assert retry_after({name: value, "date": DATE}) is None


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_one_header_leaves_it_to_the_next(value: str) -> None:
    assert retry_after({"retry-after-ms": value, "retry-after": "3"}) == 3.0
    assert retry_after({"retry-after": value, "x-ratelimit-reset-requests": "4s", "date": DATE}) == 4.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1m30.951s", 90.951),
        ("2d", 172_800.0),
        ("30", 30.0),
        ("0.5", 0.5),
        ("1445412490", 10.0),
        ("1445412490000", 10.0),
        ("2015-10-21T07:28:10Z", 10.0),
        ("2015-10-21T09:28:10+02:00", 10.0),
        ("0s", None),
        ("6m0", None),
        ("s", None),
        ("1s garbage", None),
        ("5 minutes", None),
    ],
)
def test_reset_headers_come_in_several_forms(value: str, seconds: float | None) -> None:
    found = retry_after({"x-ratelimit-reset-requests": value, "date": DATE})
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(st.floats(0.001, 1e6))
def test_every_span_that_is_written_is_read(seconds: float) -> None:
    assert retry_after({"retry-after": f"{seconds:f}"}) == pytest.approx(seconds, abs=1e-6)
    assert retry_after({"x-ratelimit-reset-tokens": f"{seconds:f}s"}) == pytest.approx(seconds, abs=1e-6)


@given(st.text(), st.text())
def test_no_text_makes_it_raise(value: str, date: str) -> None:
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"):
        found = retry_after({name: value, "date": date})
        assert found is None or 0 < found <= A_MONTH
