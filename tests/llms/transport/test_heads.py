"""Heads of responses that a strict parser refuses, and heads that are large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.response_head import HeadFilter
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, KEY, chunk
from tests.llms.raw_server import Deed, chunked, framed, raw_server, send, send_and_close

PIECES = (chunk("Hel"), chunk("lo", "stop"), DONE)
DOCUMENT = b'{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'


async def ask(deed: Deed, times: int = 1, *, streaming: bool = True) -> tuple[list[str], int]:
    """The answers to some questions in a row, and how many connections they took."""
    async with raw_server(deed) as server:
        client = HttpClient()
        llm = ChatOpenAI(
            "m", api_key=KEY, base_url=server.base_url, client=client, max_retries=0, streaming=streaming
        )
        try:
            return [(await llm.ainvoke("hi")).text for _ in range(times)], server.connections
        finally:
            await client.aclose()


@pytest.mark.case("wire", "te-and-cl")
@pytest.mark.parametrize("lengths", [[b"Content-Length: 5"], [b"content-length: 0", b"content-length: 0"]])
@pytest.mark.parametrize("streaming", [True, False])
async def test_chunks_win_over_a_length(lengths: list[bytes], *, streaming: bool) -> None:
    pieces = PIECES if streaming else (DOCUMENT[:9], DOCUMENT[9:])
    answers, connections = await ask(send(chunked(*pieces, headers=lengths)), 2, streaming=streaming)
    assert answers == ["Hello", "Hello"]
    assert connections == 2  # who says two things of where a body ends may mean a third


@pytest.mark.case("wire", "te-and-cl")
async def test_an_error_with_both_is_read_too() -> None:
    body = b'{"error": {"message": "no such thing"}}'
    head = b"HTTP/1.1 400 Bad\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(Failure, match="no such thing") as caught:
        await ask(send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "deed",
    [
        send(framed(DOCUMENT, b"content-length: %d" % len(DOCUMENT))),
        send(chunked(DOCUMENT, headers=[b"Transfer-Encoding:  chunked "])),
        send(
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
            + chunked(DOCUMENT, headers=[b"content-length: 1"])
        ),
    ],
)
async def test_a_line_said_twice_is_said_once(deed: Deed) -> None:
    assert (await ask(deed))[0] == ["Hello"]


@pytest.mark.parametrize("length", [b"content-length: 7", b"content-length: -1"])
async def test_two_lengths_that_differ_break_the_answer(length: bytes) -> None:
    with pytest.raises(Failure) as caught:
        await ask(send_and_close(framed(DOCUMENT, length)))
    assert caught.value.kind is FailureKind.TRANSIENT


@pytest.mark.case("wire", "big-headers")
@pytest.mark.parametrize(
    "headers",
    [[b"x-long: " + b"y" * 9_000], [b"x-long: " + b"y" * 65_000], [b"x-%d: y" % n for n in range(250)]],
)
async def test_large_headers_and_many_are_read(headers: list[bytes]) -> None:
    assert (await ask(send(chunked(*PIECES, headers=headers))))[0] == ["Hello"]


@pytest.mark.case("wire", "big-headers")
@pytest.mark.parametrize(
    "headers", [[b"x: " + b"y" * 66_000], [b"x-%d: y" % n for n in range(300)], [b"y" * 70_000 + b": x"]]
)
async def test_headers_beyond_the_limits_break_the_answer(headers: list[bytes]) -> None:
    with pytest.raises(Failure, match="breaks HTTP") as caught:
        await ask(send_and_close(chunked(*PIECES, headers=headers)))
    assert caught.value.kind is FailureKind.TRANSIENT


@pytest.mark.case("engine", "key-echo")
@pytest.mark.parametrize("size", [50, 70_000])
async def test_a_broken_head_that_holds_the_key_is_not_shown(size: int) -> None:
    """The words of the library hold the line, cut anywhere: a key that is cut would not be found any more."""
    with pytest.raises(Failure, match="breaks HTTP") as caught:
        await ask(send_and_close(framed(b"", b"x\x01-" + b"y" * 70 + KEY.encode() + b"z" * size + b": a")))
    assert KEY[:8] not in caught.value.message


HEAD = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
ONCE = b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"


@given(st.lists(st.integers(0, len(HEAD) + 9)))
def test_a_head_may_be_cut_anywhere(cuts: list[int]) -> None:
    data, passed, found = HEAD + b"5\r\nHello", b"", HeadFilter()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        passed += found.feed(data[start:end])
    assert (passed, found.done, found.is_ambiguous) == (ONCE + b"5\r\nHello", True, True)


@given(st.binary())
def test_nothing_is_lost_of_what_is_no_head(data: bytes) -> None:
    found = HeadFilter()
    assert found.feed(b"\x00" + data) + found.rest() == b"\x00" + data


def test_a_head_that_never_ends_is_held_no_longer_than_64_kb() -> None:
    found = HeadFilter()
    passed = [len(found.feed(b"x" * 1000)) for _ in range(67)]
    assert (sum(passed), passed[0], passed[65], found.done) == (67_000, 0, 66_000, True)
