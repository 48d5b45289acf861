"""How long a key should rest: headers, bodies and words, in their order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Hints
from llmdash.llms.wire.body_hints import wait_in_fields, wait_in_words
from llmdash.llms.wire.failures import FailureKind, from_body, from_response
from llmdash.llms.wire.rate_limit_headers import HINT_LIMIT_S, RetryHint, parse_limits, wait_of
from tests.llms.wire.refusals import WAYS, Way, refused
from tests.rows import for_each

DAY_AND_MINUTE = {
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-remaining-requests": "14120",
    "x-ratelimit-reset-requests": "33011s",
    "x-ratelimit-limit-tokens": "6000",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "4s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2015-10-21T08:28:00Z",
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2015-10-21T07:28:07Z",
    "date": "Wed, 21 Oct 2015 07:28:00 GMT",
}


def rest(headers: dict[str, str], error: Any = None) -> tuple[float | None, bool]:
    body = json.dumps({"error": {"message": "slow", **(error or {})}}).encode()
    failure = from_response(429, headers, body)
    assert failure.kind is FailureKind.THROTTLE
    return failure.retry_after, failure.is_guess


@pytest.mark.case("wire", "two-resets")
@pytest.mark.parametrize(("headers", "seconds"), [(DAY_AND_MINUTE, 4.0), (ANTHROPIC, 7.0)])
def test_the_reset_of_the_limit_that_is_used_up_counts(headers: dict[str, str], seconds: float) -> None:
    assert rest(headers) == (seconds, False)
    inside = from_body({"code": 429, "message": "slow"}, headers)
    assert (inside.retry_after, inside.is_guess) == (seconds, False)


@pytest.mark.case("wire", "two-resets")
def test_of_two_limits_that_are_used_up_the_longer_reset_counts() -> None:
    assert rest({**DAY_AND_MINUTE, "x-ratelimit-remaining-requests": "0"}) == (33_011.0, False)


@pytest.mark.case("wire", "two-resets")
def test_where_no_limit_is_used_up_the_smallest_reset_is_a_guess() -> None:
    assert rest({**DAY_AND_MINUTE, "x-ratelimit-remaining-tokens": "3"}) == (4.0, True)
    unknown = {**DAY_AND_MINUTE, "x-ratelimit-limit-tokens": "0", "x-ratelimit-reset-tokens": "9m"}
    assert rest(unknown) == (540.0, True)  # a limit of 0 is one that the server does not know


@pytest.mark.parametrize("name", ["x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-reset-tokens-minute"])
def test_a_limit_of_any_name_has_its_own_remainder(name: str) -> None:
    headers = {name: "9", name.replace("reset", "remaining"): "0", "x-ratelimit-reset-other": "2"}
    assert rest(headers) == (9.0, False)
    assert rest({**headers, name.replace("reset", "remaining"): "1"}) == (2.0, True)


ORDER = [
    {"retry-after-ms": "1500"},
    {"retry-after": "2"},
    None,  # what the body says: 3 s
    {"x-ratelimit-reset-tokens": "4s", "x-ratelimit-remaining-tokens": "0"},
    {"llm_provider-retry-after-ms": "5000"},
    {"llm_provider-retry-after": "6"},
    {"llm_provider-x-ratelimit-reset-tokens": "7s", "llm_provider-x-ratelimit-remaining-tokens": "0"},
    {"x-ratelimit-reset-requests": "8s"},
    {"llm_provider-x-ratelimit-reset-requests": "9s"},
]
SECONDS = [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]


@pytest.mark.case("wire", "two-resets")
@pytest.mark.case("wire", "body-hint")
@pytest.mark.case("library", "prefixed hints")
@given(st.sets(st.integers(0, 8), min_size=1))
def test_hints_count_in_their_order(present: set[int]) -> None:
    headers = {name: value for place in present for name, value in (ORDER[place] or {}).items()}
    error = {"details": [{"retryDelay": "3s"}]} if 2 in present else {}
    first = min(present)
    assert rest(headers, error) == (SECONDS[first], first >= 7)


@pytest.mark.case("wire", "body-hint")
def test_a_wait_in_the_body_goes_before_a_guess_from_a_reset() -> None:
    headers = {
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "240",
        "x-ratelimit-reset-tokens": "59.52s",
    }
    assert rest(headers, {"message": "Rate limit reached. Please try again in 1.52s."}) == (1.52, False)


@pytest.mark.case("wire", "body-hint")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({"details": [{"@type": "x.RetryInfo", "retryDelay": "6s"}]}, 6.0),
        ({"details": [{"retryDelay": "1.5s"}]}, 1.5),
        ({"details": [{"retryDelay": {"seconds": 6, "nanos": 500_000_000}}]}, 6.5),
        ({"details": [{"retryDelay": {"seconds": "6"}}]}, 6.0),
        ({"metadata": {"retry_after": 12}}, 12.0),
        ({"metadata": {"retry_after_ms": 800}}, 0.8),
        ({"metadata": {"retryAfterSeconds": "7"}}, 7.0),
        ({"metadata": {"headers": {"Retry-After": "8"}}}, 8.0),
        ({"message": "try again in 6s"}, 6.0),
        ({"message": "Please try again in 1m30s. Visit x"}, 90.0),
        ({"message": "Try again in 20 seconds."}, 20.0),
        ({"message": "retry after 12"}, 12.0),
        ({"message": "Please retry after 1 minute and 5 seconds"}, 65.0),
        ({"message": "Please try again in 250ms"}, 0.25),
        ({"message": "Please wait 3.2 seconds"}, 3.2),
    ],
)
async def test_a_wait_that_only_the_body_says_is_a_hint(
    way: Way, more: dict[str, Any], seconds: float
) -> None:
    failure = await refused(way, 429, {"code": "rate_limit_exceeded", "message": "slow", **more})
    assert failure.kind is FailureKind.THROTTLE
    assert failure.retry_after == pytest.approx(seconds)
    assert not failure.is_guess


def test_a_server_that_is_busy_may_say_in_its_body_when_to_come_back() -> None:
    body = b'{"error": {"message": "busy", "details": [{"retryDelay": "3s"}]}}'
    assert from_response(503, {}, body).retry_after == 3.0
    assert from_response(402, {}, body).retry_after is None


@pytest.mark.parametrize(
    "words",
    [
        "retry after 2027-01-01",
        "retry after 12:30",
        "retry after 50 %",
        "wait for 10 requests per 1 minute",
        "Please wait, limit: 10",
        "try again in a while",
        "try again in 0s",
        "try again in 6 parsecs",
        "I waited 6s",
        "try again in -6s",
        "",
    ],
)
def test_words_that_ask_for_no_time_are_no_hint(words: str) -> None:
    assert wait_in_words(words) is None


@pytest.mark.parametrize(
    "value",
    [0, -1, float("nan"), float("inf"), "soon", "", None, [], {}, {"seconds": "x"}, True, "1e9", "-3s"],
)
def test_fields_that_ask_for_no_time_are_no_hint(value: Any) -> None:
    assert wait_in_fields({"retry_after": value}) is None


def test_what_a_body_asks_for_is_capped() -> None:
    assert wait_in_fields({"retry_after": 10**400}) == HINT_LIMIT_S
    assert wait_in_words("try again in 999999999 days") == HINT_LIMIT_S
    assert wait_in_words("try again in " + "9" * 4000 + "s") is None


def test_a_document_as_large_as_it_gets_is_searched_for_a_short_time_only() -> None:
    deep: Any = {"retryDelay": "5s"}
    for _ in range(900):
        deep = {"x": [deep] * 2}
    assert wait_in_fields(deep) is None
    assert wait_in_fields([{str(n): n} for n in range(100_000)]) is None


@given(st.text(), st.text())
def test_no_words_make_it_raise(words: str, asked: str) -> None:
    found = wait_in_words(f"try again in {words}", asked)
    assert found is None or 0 < found <= HINT_LIMIT_S


SPAN = st.lists(
    st.tuples(st.integers(1, 59), st.sampled_from(["ms", "s", "m", "h", " seconds", " minutes"])),
    min_size=1,
    max_size=3,
)


@given(SPAN, st.sampled_from(["try again in ", "retry after ", "please wait "]))
def test_a_span_that_is_written_is_read(parts: list[tuple[int, str]], before: str) -> None:
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, " seconds": 1, " minutes": 60}
    written = " ".join(f"{number}{unit}" for number, unit in parts)
    total = sum(number * units[unit] for number, unit in parts)
    assert wait_in_words(f"Slow down: {before}{written}.") == pytest.approx(total)


@pytest.mark.case("library", "prefixed hints")
@pytest.mark.parametrize("prefix", ["llm_provider-", "x-upstream-", "proxy_", "x-ms-"])
def test_the_headers_that_a_proxy_renames_are_read(prefix: str) -> None:
    headers = {
        f"{prefix}retry-after": "1",
        f"{prefix}x-ratelimit-reset-tokens": "6m0s",
        f"{prefix}x-ratelimit-limit-requests": "60",
        f"{prefix}x-ratelimit-remaining-requests": "59",
        f"{prefix}anthropic-ratelimit-unknown": "x",
    }
    assert rest(headers) == (1.0, False)
    headers.pop(f"{prefix}anthropic-ratelimit-unknown")
    assert parse_limits(headers) == Hints(
        limit_requests=60, remaining_requests=59, reset_requests_s=None, reset_tokens_s=360.0
    )


@pytest.mark.case("library", "prefixed hints")
def test_the_own_limits_of_a_proxy_go_before_those_it_passes_on() -> None:
    own = {"x-ratelimit-remaining-requests": "5", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    passed_on = {"llm_provider-anthropic-ratelimit-requests-remaining": "7"}
    assert parse_limits({**own, **passed_on}) == Hints(remaining_requests=5)
    assert parse_limits(passed_on) == Hints(remaining_requests=7)
    dated = {"llm_provider-retry-after": "Wed, 21 Oct 2015 07:28:09 GMT", "date": own["date"]}
    assert wait_of(dated) == RetryHint(9.0)


@pytest.mark.parametrize(("says", "status"), [("false", 429), ("true", 429), ("false", 402), ("true", 401)])
def test_x_should_retry_leaves_limits_and_keys_alone(says: str, status: int) -> None:
    told = from_response(status, {"x-should-retry": says, "retry-after": "2"}, b"{}")
    assert told.kind is from_response(status, {}, b"{}").kind
    assert told.retry_after == 2.0
