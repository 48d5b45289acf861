"""Connections on the real transport: kept, replaced, closed, and what waits behind them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure
from tests.llms.canned import DONE, KEY, chunk
from tests.llms.raw_server import chunked, framed, raw_server, send, send_and_close, send_and_stall, serving

STREAM = (chunk("Hello"), chunk(finish="stop"), DONE)
DOCUMENT = b'{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'


@asynccontextmanager
async def chat(base_url: str) -> AsyncIterator[ChatOpenAI]:
    client = HttpClient()
    try:
        yield ChatOpenAI("m", api_key=KEY, base_url=base_url, client=client, max_retries=0)
    finally:
        await client.aclose()


async def test_a_plain_and_a_secure_address_share_a_client() -> None:
    """The first address decides nothing for the second: certificates are checked either way."""
    async with (
        raw_server(send(framed(DOCUMENT))) as plain,
        raw_server(send(framed(DOCUMENT)), tls=True) as secure,
    ):
        client = HttpClient()
        first = ChatOpenAI("m", api_key=KEY, base_url=plain.base_url, client=client, max_retries=0)
        second = ChatOpenAI("m", api_key=KEY, base_url=secure.base_url, client=client, max_retries=0)
        assert (await first.ainvoke("hi")).text == "Hello"
        with pytest.raises(Failure, match="certificate"):
            await second.ainvoke("hi")
        await client.aclose()


async def test_two_requests_use_one_connection() -> None:
    async with raw_server(send(framed(DOCUMENT)), send(chunked(*STREAM))) as server:
        async with chat(server.base_url) as llm:
            assert [(await llm.ainvoke("hi")).text for _ in range(4)] == ["Hello"] * 4
        assert server.connections == 1


async def test_a_connection_that_was_closed_between_requests_is_replaced() -> None:
    async with raw_server(send_and_close(framed(DOCUMENT))) as server:
        client = HttpClient()
        llm = ChatOpenAI("m", api_key=KEY, base_url=server.base_url, client=client, max_retries=0)
        for _ in range(3):
            assert (await llm.ainvoke("hi")).text == "Hello"
            await asyncio.sleep(0.02)  # the end of the connection is on its way
        assert server.connections == 3
        await client.aclose()


async def test_an_answer_that_comes_twice_is_not_taken_for_that_to_the_next_request() -> None:
    """The second one arrives while the connection is idle, when nobody reads it."""
    number = 0
    idle, repeated = asyncio.Event(), asyncio.Event()

    async def twice(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        number += 1
        answer = framed(DOCUMENT.replace(b"Hello", b"answer %d" % number))
        writer.write(answer)
        await idle.wait()
        idle.clear()
        writer.write(answer)
        repeated.set()

    async with raw_server(twice) as server, chat(server.base_url) as llm:
        for expected in ("answer 1", "answer 2", "answer 3"):
            assert (await llm.ainvoke("hi")).text == expected
            idle.set()
            await repeated.wait()
            repeated.clear()
            await asyncio.sleep(0.1)  # it is on its way


async def test_an_answer_left_early_closes_its_connection() -> None:
    async with raw_server(send_and_stall(chunked(chunk("Hel"), end=False)), send(framed(DOCUMENT))) as server:
        client = HttpClient()
        llm = ChatOpenAI("m", api_key=KEY, base_url=server.base_url, client=client, max_retries=0)
        deltas = llm.deltas("hi")
        assert (await anext(deltas)).text == "Hel"
        await deltas.aclose()
        assert (await llm.ainvoke("hi")).text == "Hello"
        assert server.connections == 2
        await client.aclose()


async def test_a_large_request_goes_out_whole_and_framed_by_its_length() -> None:
    async with raw_server(send(framed(DOCUMENT))) as server, chat(server.base_url) as llm:
        prompt = "x" * 3_000_000
        assert [(await llm.ainvoke(prompt)).text for _ in range(2)] == ["Hello"] * 2
        assert all(prompt.encode() in request for request in server.requests)
        assert not any(b"transfer-encoding" in request[:1000].lower() for request in server.requests)
        assert server.connections == 1


async def test_nothing_of_an_answer_waits_on_after_it() -> None:
    """A timer a request, left until it fires, would be half a million of them at full speed."""

    def timers() -> int:
        loop = asyncio.get_running_loop()  # not that of another thread
        found = (each for each in gc.get_objects() if isinstance(each, asyncio.TimerHandle))
        return sum(each._loop is loop and not each.cancelled() for each in found)  # type: ignore[attr-defined]

    async with raw_server(send(framed(DOCUMENT)), send(chunked(*STREAM))) as server:
        client = HttpClient()
        llm = ChatOpenAI("m", api_key=KEY, base_url=server.base_url, client=client, max_retries=0)
        await llm.ainvoke("hi")
        before = timers()
        for _ in range(10):
            await llm.ainvoke("hi")
        assert timers() <= before + 1
        await client.aclose()


async def test_a_body_that_is_read_slowly_is_held_up_on_the_way_and_arrives_whole() -> None:
    """What arrives faster than it is read waits in the network, not in memory."""
    text = "x" * 3_000_000
    body = b'{"choices": [{"message": {"content": "%b"}, "finish_reason": "stop"}]}' % text.encode()
    async with raw_server(send(framed(body))) as server:
        client = HttpClient()
        async with await client.post(f"{server.base_url}/chat/completions", (), b"{}") as answer:
            pieces = []
            while (piece := await answer.chunk()) is not None:
                pieces.append(piece)
                await asyncio.sleep(0)
        assert b"".join(pieces) == body
        assert max(map(len, pieces)) <= 16_384
        async with await client.post(f"{server.base_url}/chat/completions", (), b"{}") as answer:
            assert answer.status == 200  # left behind a piece: the connection is not used again
            await answer.chunk()
        async with await client.post(f"{server.base_url}/chat/completions", (), b"{}") as answer:
            assert await answer.chunk()
        assert server.connections == 2
        await client.aclose()


async def test_a_connection_on_which_half_a_request_went_out_is_not_used_again() -> None:
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(framed(DOCUMENT))
        await writer.drain()
        await reader.read()

    async with serving(refuse) as port, chat(f"http://127.0.0.1:{port}/v1") as llm:
        assert (await llm.ainvoke("x" * 5_000_000)).text == "Hello"
        assert (await llm.ainvoke("hi")).text == "Hello"
    assert connections == 2


async def test_the_login_in_an_address_goes_with_its_requests() -> None:
    async with raw_server(send(framed(DOCUMENT))) as server:
        address = server.base_url.replace("http://", "http://me:word@")
        llm = ChatOpenAI("m", base_url=address, auth="none", client=(client := HttpClient()), max_retries=0)
        assert (await llm.ainvoke("hi")).text == "Hello"
        await client.aclose()
    assert b"authorization: basic bwu6d29yza==" in server.requests[0].lower()
