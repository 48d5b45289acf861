"""What servers tell of a key's limits: read from the headers of answers and of errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Hints
from llmdash.llms.wire.failures import Failure
from llmdash.llms.wire.rate_limit_headers import parse_limits
from tests.llms.canned import Canned, answer, document
from tests.llms.wire.wires import WIRES, Wire

OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "date": "Fri, 01 Jan 2027 00:00:00 GMT",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2027-01-01T00:00:02Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "39000",
    "anthropic-ratelimit-input-tokens-reset": "2027-01-01T00:00:03Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "7000",
    "anthropic-ratelimit-output-tokens-reset": "2027-01-01T00:00:04Z",
}


def test_the_headers_of_openai() -> None:
    assert parse_limits(OPENAI) == Hints(60, 59, 1.0, 150_000, 149_984, 360.0)


def test_the_headers_of_anthropic_count_from_their_own_date() -> None:
    assert parse_limits(ANTHROPIC) == Hints(50, 49, 2.0, 8000, 7000, 4.0)


def test_tokens_of_anthropic_go_before_those_in_and_out() -> None:
    told = {
        **ANTHROPIC,
        "anthropic-ratelimit-tokens-limit": "48000",
        "anthropic-ratelimit-tokens-remaining": "46000",
    }
    assert parse_limits(told) == Hints(50, 49, 2.0, 48_000, 46_000, None)


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"x-ratelimit-policy": "10;w=1"}])
def test_headers_without_hints_give_none(headers: dict[str, str]) -> None:
    assert parse_limits(headers) is None


@pytest.mark.parametrize("limit", ["-1", "0"])
def test_a_limit_of_minus_one_or_zero_is_unknown_and_not_zero(limit: str) -> None:
    told = {**OPENAI, "x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": limit}
    assert parse_limits(told) == Hints(None, None, None, 150_000, 149_984, 360.0)


def test_nothing_left_is_told_as_zero() -> None:
    found = parse_limits({**OPENAI, "x-ratelimit-remaining-requests": "0"})
    assert found is not None
    assert found.remaining_requests == 0


def test_a_part_of_the_headers_is_better_than_none() -> None:
    assert parse_limits({"x-ratelimit-remaining-tokens": "5"}) == Hints(remaining_tokens=5)


@given(st.dictionaries(st.sampled_from([*OPENAI, *ANTHROPIC]), st.text(max_size=20) | st.integers().map(str)))
def test_whatever_a_header_holds_hints_are_sane_or_none(headers: dict[str, str]) -> None:
    found = parse_limits(headers)
    if found is not None:
        counts = (found.limit_requests, found.remaining_requests, found.limit_tokens, found.remaining_tokens)
        assert all(count is None or 0 <= count <= 2**53 for count in counts)
        resets = (found.reset_requests_s, found.reset_tokens_s)
        assert all(reset is None or 0 < reset <= 31 * 86_400 for reset in resets)


def sent(headers: dict[str, str]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("headers", [OPENAI, ANTHROPIC])
async def test_the_first_delta_of_an_answer_brings_the_hints(wire: Wire, headers: dict[str, str]) -> None:
    for pieces in (wire.stream, [wire.document]):
        llm = wire.make(Canned(answer(*pieces, **sent(headers))))
        hints = [delta.hints async for delta in llm.deltas("hi")]
        assert (hints[0], set(hints[1:])) == (parse_limits(headers), {None})


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
async def test_an_answer_without_hints_has_none(wire: Wire) -> None:
    deltas = [delta async for delta in wire.make(Canned(answer(*wire.stream))).deltas("hi")]
    assert {delta.hints for delta in deltas} == {None}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
async def test_a_failure_brings_the_hints(wire: Wire) -> None:
    error = {"error": {"message": "slow down"}}
    for given_back in (document(error, status=429, **sent(OPENAI)), document(error, **sent(OPENAI))):
        with pytest.raises(Failure) as caught:
            await wire.make(Canned(given_back)).ainvoke("hi")
        assert caught.value.hints == parse_limits(OPENAI)
