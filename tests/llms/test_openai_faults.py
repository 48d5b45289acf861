"""Answers that are none: each becomes the right Failure, and no part of it an answer."""

from __future__ import annotations

import asyncio
import itertools
import random
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from llmdash.llms.transport.http import BODY_LIMIT
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.engine.virtual_time import virtual_time
from tests.llms.canned import (
    DONE,
    KEY,
    Body,
    Canned,
    answer,
    chat,
    chunk,
    document,
    endless,
    event,
    part,
    usage,
)

PING = b": ping\n\n"
ERROR = {"message": "The server had an error", "type": "server_error", "code": None}


async def failure_of(transport: Canned) -> Failure:
    with pytest.raises(Failure) as caught:
        await chat(transport).ainvoke("hi")
    return caught.value


def closed(transport: Canned) -> bool:
    stream = transport.given[0].stream
    assert isinstance(stream, Body)
    return stream.closed


@pytest.mark.parametrize(
    ("pieces", "word"),
    [
        pytest.param([], "truncated", id="nothing"),
        pytest.param([chunk("Hel")], "truncated", id="no end"),
        pytest.param([chunk("Hel"), b"data: [DONE"], "truncated", id="an end cut short"),
        pytest.param([chunk("Hel"), b'data: {"choi\n\n'], "malformed", id="half a chunk"),
        pytest.param([chunk("Hel"), b"data: []\n\n"], "truncated", id="a list"),
        pytest.param([chunk("Hel"), b"data: \xff\xfe\n\n"], "malformed", id="no UTF-8"),
        pytest.param([event({"choices": "x"})], "malformed", id="choices of another kind"),
        pytest.param([b"[" * 100_000], "malformed", id="a deep document"),
        pytest.param([b'data: {"x": ' + b"[" * 100_000 + b"\n\n"], "malformed", id="a deep chunk"),
        pytest.param([b"<!doctype html>"], "HTML", id="a page"),
        pytest.param([b'{"choices": []}'], "no choices", id="no choices"),
        pytest.param([b'{"choices": [{}]}'], "no choices", id="an empty choice"),
        pytest.param([b'{"choices": [{"message": {"content": "Hel'], "malformed", id="half a document"),
        pytest.param([b"data: " + b"x" * 1_100_000], "longer than", id="an endless line"),
        pytest.param([chunk("Hel", "error")], "broke the answer off", id="finish reason error"),
        pytest.param([chunk("Hel"), OSError("reset by peer")], "reset by peer", id="a reset"),
    ],
)
async def test_a_spoilt_answer_is_transient_and_says_what_is_wrong(
    pieces: list[bytes | Exception], word: str
) -> None:
    failure = await failure_of(Canned(answer(*pieces)))
    assert failure.kind is FailureKind.TRANSIENT
    assert word in failure.message


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([event({"error": ERROR})], id="error"),
        pytest.param([b"event: error\n" + event(ERROR)], id="its inside alone, named"),
        pytest.param([b"event: error\ndata: The server had an error\n\n"], id="text, named"),
        pytest.param([event({"object": "error", **ERROR})], id="its inside alone"),
        pytest.param([event({"error": ERROR})[6:]], id="a document"),
        pytest.param([chunk("part", error=ERROR)], id="beside choices"),
    ],
)
async def test_an_error_inside_a_200_is_a_failure_with_its_words(pieces: list[bytes]) -> None:
    failure = await failure_of(Canned(answer(*pieces)))
    assert (failure.kind, failure.message) == (FailureKind.TRANSIENT, "The server had an error")


async def test_a_rate_limit_may_come_inside_the_stream() -> None:
    error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    failure = await failure_of(Canned(answer(chunk("Hel"), event(error), retry_after="7")))
    assert (failure.kind, failure.retry_after) == (FailureKind.THROTTLE, 7.0)


@pytest.mark.parametrize("options", [{"seed": object()}, {"user": "half a pair: \ud83d"}])
async def test_a_request_that_json_cannot_hold_is_refused_unsent(options: dict[str, Any]) -> None:
    transport = Canned(answer(DONE))
    with pytest.raises(Failure, match="cannot be written as JSON") as caught:
        await chat(transport).ainvoke("hi", stop=None, **options)
    assert caught.value.kind is FailureKind.REQUEST
    assert transport.requests == []


async def test_what_had_arrived_stays_with_the_failure() -> None:
    failure = await failure_of(Canned(answer(chunk("Hel") + chunk("lo") + b"data: nonsense\n\n")))
    assert failure.partial == "Hello"


async def test_an_error_whose_body_breaks_is_told_by_its_status() -> None:
    transport = Canned(answer(b'{"error": {"mess', OSError("reset"), status=429, retry_after="3"))
    failure = await failure_of(transport)
    assert (failure.kind, failure.retry_after) == (FailureKind.THROTTLE, 3.0)


async def test_an_error_body_of_any_size_is_not_read_to_its_end() -> None:
    transport = Canned(endless(lambda: itertools.repeat(b"x" * 10_000), status=500))
    failure = await failure_of(transport)
    assert failure.kind is FailureKind.TRANSIENT
    assert len(failure.message) <= 500
    assert closed(transport)


async def test_an_answer_beyond_the_cap_is_refused() -> None:
    pieces = [b'{"x": "', *[b"x" * 1_000_000] * 20]
    failure = await failure_of(Canned(answer(*pieces)))
    assert failure.kind is FailureKind.REQUEST
    assert f"{BODY_LIMIT:,}" in failure.message


async def test_an_answer_in_an_unknown_compression_is_refused_unread() -> None:
    failure = await failure_of(Canned(answer(b"\x1f\x8b" * 100, content_encoding="compress")))
    assert failure.kind is FailureKind.TRANSIENT
    assert "compress" in failure.message


IDLE = [
    pytest.param(lambda: itertools.cycle([PING, 9.0]), id="endless pings"),
    pytest.param(lambda: itertools.cycle([b"\n", 9.0]), id="endless blank lines"),
    pytest.param(lambda: itertools.cycle([part(role="assistant"), 9.0]), id="endless empty chunks"),
]
SILENCE = pytest.param(lambda: [3600.0], id="silence")


@pytest.mark.parametrize("rest", [*IDLE, SILENCE])
@virtual_time
async def test_content_that_does_not_go_on_is_a_stall_whatever_else_comes(
    rest: Callable[[], Iterable[bytes | float]],
) -> None:
    transport = Canned(endless(lambda: itertools.chain([chunk("Hel")], rest())))
    failure = await failure_of(transport)
    assert (failure.kind, failure.may_be_billed) == (FailureKind.TRANSIENT, False)
    assert failure.message == "stalled: no content for 60 s"
    assert closed(transport)


@pytest.mark.parametrize("rest", IDLE)
@virtual_time
async def test_before_the_first_content_whatever_comes_keeps_the_wait_alive_up_to_the_total(
    rest: Callable[[], Iterable[bytes | float]],
) -> None:
    transport = Canned(endless(rest))
    failure = await failure_of(transport)
    assert (failure.kind, failure.may_be_billed) == (FailureKind.TRANSIENT, True)
    assert failure.message == "no end within 600 s"
    assert closed(transport)


@virtual_time
async def test_silence_before_the_first_content_is_a_stall_and_may_be_billed() -> None:
    failure = await failure_of(Canned(answer(3600.0)))
    assert (failure.message, failure.may_be_billed) == ("stalled: no content for 60 s", True)


@virtual_time
async def test_content_without_end_meets_the_total_time() -> None:
    transport = Canned(endless(lambda: itertools.cycle([chunk("x"), 9.0])))
    failure = await failure_of(transport)
    assert (failure.kind, failure.message) == (FailureKind.TRANSIENT, "no end within 600 s")


@pytest.mark.parametrize("content", [chunk("x"), part(reasoning="x"), part(tool_calls=[{"index": 0}])])
@virtual_time
async def test_a_slow_answer_whose_content_keeps_coming_is_no_stall(content: bytes) -> None:
    pieces: list[bytes | float] = [content, 20.0] * 20
    generation = await chat(Canned(answer(*pieces, DONE))).ainvoke("hi")
    assert generation.finish_reason is None


async def test_a_call_that_is_cancelled_is_cancelled_and_not_a_failure() -> None:
    transport = Canned(answer(chunk("Hel"), 3600.0))
    call = asyncio.create_task(chat(transport).ainvoke("hi"))
    await transport.asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert closed(transport)


@pytest.mark.parametrize("place", ["body", "long body", "plain", "location", "header", "stream", "network"])
async def test_a_key_that_the_server_echoes_is_nowhere_to_be_read(place: str) -> None:
    said = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": KEY}}
    long = {"error": {"message": "x" * (500 - len(KEY)) + KEY, "code": KEY}}
    transport = {
        "body": Canned(document(said, status=401)),
        "long body": Canned(document(long, status=500)),
        "plain": Canned(answer(b"no " + KEY.encode(), status=500)),
        "location": Canned(answer(status=302, location=f"https://x.test/?key={KEY}")),
        "header": Canned(document(said, status=500, x_request_id=KEY)),
        "stream": Canned(answer(event(said))),
        "network": Canned(answer(ValueError(KEY)), answer(OSError(KEY))),
    }[place]
    llm = chat(transport)
    for _ in transport.answers:
        with pytest.raises(Failure) as caught:
            await llm.ainvoke("hi")
        failure = caught.value
        shown = "".join(traceback.format_exception(failure))
        assert KEY[:20] not in f"{shown} {failure!r} {failure.code} {failure.request_id} {llm!r}"
        trace = traceback.TracebackException.from_exception(failure, capture_locals=True)
        assert f"Bearer {KEY}" not in "".join(trace.format())


STREAM = b"".join(
    [chunk(""), chunk("Hel"), PING, chunk("l\N{SNOWMAN}"), chunk(finish="stop"), usage(1, 2), DONE]
)
DOCUMENT = event({"choices": [{"message": {"content": "Hell\N{SNOWMAN}"}, "finish_reason": "stop"}]})[6:-2]


@pytest.mark.parametrize("whole", [STREAM, STREAM.replace(b"\n", b"\r\n"), DOCUMENT])
@pytest.mark.parametrize("torn", [True, False])
async def test_an_answer_cut_at_any_byte_is_whole_or_a_failure(whole: bytes, torn: bool) -> None:
    """Cut by a clean end or by a broken connection, with the bytes before it cut at random places."""
    cuts = random.Random(7)
    outcomes = set()
    for end in range(len(whole) + 1):
        marks = sorted(cuts.sample(range(end + 1), min(end, 3)))
        pieces = [whole[a:b] for a, b in itertools.pairwise([0, *marks, end])]
        transport = Canned(answer(*pieces, *([OSError("reset")] if torn and end < len(whole) else [])))
        try:
            text = (await chat(transport).ainvoke("hi")).text
        except Failure as failure:
            assert failure.kind is FailureKind.TRANSIENT, (end, failure)
            outcomes.add("failure")
        else:
            assert text == "Hell\N{SNOWMAN}", end
            outcomes.add("whole")
    assert outcomes == {"failure", "whole"}
