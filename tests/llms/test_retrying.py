"""Single calls are tried again where that may help; what the engine drives never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.retrying import pause
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, Canned, answer, chat, chunk, document

WHOLE = answer(chunk("Hel"), chunk("lo", "stop"), DONE)
BUSY = document({"error": {"message": "busy"}}, status=503, retry_after_ms="1")
SLOW = document({"error": {"message": "slow down"}}, status=429, retry_after_ms="1")
WRONG = document({"error": {"message": "wrong"}}, status=400)
LATER = document({"error": {"message": "much later"}}, status=429, retry_after="61")
TORN = answer(chunk("Hel"), OSError("reset"), retry_after_ms="1")
ERROR_IN_STREAM = answer(
    b'data: {"error": {"message": "busy", "code": "server_error"}}\n\n', retry_after_ms="1"
)


@pytest.mark.parametrize("fault", [BUSY, SLOW, ERROR_IN_STREAM])
async def test_a_failure_that_may_pass_is_tried_again(fault: Callable[[], httpx.Response]) -> None:
    transport = Canned(fault, fault, WHOLE)
    assert (await chat(transport, max_retries=2).ainvoke("hi")).text == "Hello"
    assert len(transport.requests) == 3


async def test_the_last_failure_is_raised() -> None:
    transport = Canned(BUSY)
    with pytest.raises(Failure, match="busy"):
        await chat(transport, max_retries=2).ainvoke("hi")
    assert len(transport.requests) == 3


@pytest.mark.parametrize("fault", [WRONG, LATER])
async def test_what_does_not_pass_soon_is_raised_at_once(fault: Callable[[], httpx.Response]) -> None:
    transport = Canned(fault)
    with pytest.raises(Failure):
        await chat(transport, max_retries=5).ainvoke("hi")
    assert len(transport.requests) == 1


async def test_every_method_tries_again_but_deltas() -> None:
    async def all_of(transport: Canned, method: str) -> Any:
        llm = chat(transport, max_retries=1)
        if method == "abatch":
            (only,) = await llm.abatch(["hi"])
            assert not isinstance(only, Failure)
            return only.text
        if method == "agenerate":
            return (await llm.agenerate(["hi"])).generations[0][0].text
        if method == "astream":
            return "".join([piece.text async for piece in llm.astream("hi")])
        if method == "astream_events":
            return [event async for event in llm.astream_events("hi")][-1]["data"]["output"].text
        return "".join([delta.text async for delta in llm.deltas("hi")])

    for method in ("abatch", "agenerate", "astream", "astream_events"):
        assert await all_of(Canned(BUSY, WHOLE), method) == "Hello"
    with pytest.raises(Failure, match="busy"):
        await all_of(Canned(BUSY, WHOLE), "deltas")


async def test_a_stream_that_has_begun_is_not_begun_again() -> None:
    """Whoever reads has seen a part already."""
    transport = Canned(TORN, WHOLE)
    seen: list[str] = []
    with pytest.raises(Failure, match="reset"):
        async for piece in chat(transport, max_retries=2).astream("hi"):
            seen.append(piece.text)  # noqa: PERF401 - what came before the failure counts
    assert (seen, len(transport.requests)) == (["Hel"], 1)


@given(tried=st.integers(0, 10_000), fraction=st.floats(0, 1))
def test_pauses_double_up_to_eight_seconds_and_vary_by_a_quarter(tried: int, fraction: float) -> None:
    seconds = pause(Failure(FailureKind.TRANSIENT, "busy"), tried, fraction)
    assert seconds is not None
    full = min(0.5 * 2 ** min(tried, 4), 8.0)
    assert 0.75 * full <= seconds <= full


@pytest.mark.parametrize("kind", list(FailureKind))
def test_only_what_may_pass_is_worth_a_pause(kind: FailureKind) -> None:
    worth = pause(Failure(kind, "x"), 0, 0.0) is not None
    assert worth == (kind in (FailureKind.TRANSIENT, FailureKind.THROTTLE, FailureKind.LOCAL))


def test_what_the_server_asks_for_counts() -> None:
    assert pause(Failure(FailureKind.THROTTLE, "x", retry_after=17.5), 3, 0.5) == 17.5
    assert pause(Failure(FailureKind.THROTTLE, "x", retry_after=60.5), 0, 0.5) is None
