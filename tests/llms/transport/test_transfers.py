"""Requests without a body, and files that are sent and fetched: by the real transport, and by a given one."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from llmdash.llms.request_head import HeaderList
from llmdash.llms.transport.bodies import CannotRead, FileBody
from llmdash.llms.transport.http import HttpClient, HttpResponse
from llmdash.llms.transport.response import BODY_LIMIT
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import Canned, answer
from tests.llms.raw_server import (
    Deed,
    chunked,
    framed,
    raw_server,
    send,
    send_and_close,
    send_and_reset,
    send_and_stall,
    serving,
)
from tests.waiting import PATIENCE_S

BARE = HeaderList().for_body(None)
TYPED = HeaderList().for_body("application/octet-stream")
MEGABYTE = 1_000_000
LARGE = 60 * MEGABYTE


@asynccontextmanager
async def client_with(timeouts: Timeouts | None = None) -> AsyncIterator[HttpClient]:
    client = HttpClient(timeouts=timeouts)
    yield client
    await client.aclose()


def large_file(folder: Path, size: int = LARGE) -> Path:
    """A file of zeros that takes no place on the disk."""
    file = folder / "in"
    with file.open("wb") as handle:
        handle.truncate(size)
    return file


async def body_of(response: HttpResponse) -> int:
    """How many bytes the body has, each piece noted as progress."""
    size = 0
    async with response:
        while (piece := await response.chunk()) is not None:
            response.progress()
            size += len(piece)
    return size


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_request_without_a_body_says_nothing_of_one(method: str) -> None:
    async with raw_server(send(framed(b"{}"))) as server, client_with() as client:
        for _ in range(2):
            assert await body_of(await client.ask(method, f"{server.base_url}/x?y=1", BARE)) == 2
    assert server.connections == 1
    for request in server.requests:
        assert request.startswith(b"%b /v1/x?y=1 HTTP/1.1\r\n" % method.encode())
        assert b"content-" not in request.lower()
        assert request.endswith(b"\r\n\r\n")


async def test_a_post_without_a_body_has_a_length_of_nothing() -> None:
    async with raw_server(send(framed(b"{}"))) as server, client_with() as client:
        await body_of(await client.ask("POST", server.base_url, BARE))
    assert b"\r\ncontent-length: 0\r\n\r\n" in server.requests[0]
    assert b"content-type" not in server.requests[0]


async def test_a_file_is_sent_between_what_opens_and_closes_it(tmp_path: Path) -> None:
    file = tmp_path / "in"
    file.write_bytes(bytes(range(256)) * 4000)
    body = FileBody(file, b"<<", b">>")
    async with raw_server(send(framed(b"{}"))) as server, client_with() as client:
        assert await body_of(await client.upload(server.base_url, TYPED, body)) == 2
        assert await body_of(await client.upload(server.base_url, TYPED, body)) == 2
    assert server.connections == 1
    for request in server.requests:
        head, _, sent = request.partition(b"\r\n\r\n")
        assert b"content-length: 1024004" in head
        assert sent == b"<<" + bytes(range(256)) * 4000 + b">>"


def peak_of(work: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_is_sent_and_fetched_in_flat_memory(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        left = LARGE
        while left:
            left -= len(await reader.read(65_536))
        writer.write(framed(b"{}"))
        await writer.drain()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // MEGABYTE):
            writer.write(bytes(MEGABYTE))
            await writer.drain()

    async def transfer() -> None:
        async with serving(swallow) as port, client_with() as client:
            url, body = f"http://127.0.0.1:{port}/", FileBody(large_file(tmp_path))
            assert await body_of(await client.upload(url, TYPED, body)) == 2
        async with raw_server(pour) as server, client_with() as client:
            assert await body_of(await client.download(server.base_url, BARE)) == LARGE

    assert peak_of(lambda: asyncio.run(transfer())) < LARGE / 4


async def test_only_a_download_may_be_larger_than_an_answer() -> None:
    pieces = [bytes(MEGABYTE)] * 9
    client = HttpClient(transport=Canned(answer(*pieces)))
    assert await body_of(await client.download("https://llm.test/", BARE)) == 9 * MEGABYTE
    with pytest.raises(Failure) as caught:
        await body_of(await client.ask("GET", "https://llm.test/", BARE))
    assert f"{BODY_LIMIT:,}" in caught.value.message


async def test_a_refusal_that_comes_before_the_whole_file_is_heard(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(framed(b'{"error": {"message": "too large"}}', status=b"413 X"))
        await writer.drain()
        await reader.readexactly(MEGABYTE)  # it goes on for a while

    async with serving(refuse) as port, client_with() as client:
        body = FileBody(large_file(tmp_path))
        async with await client.upload(f"http://127.0.0.1:{port}/", TYPED, body) as refusal:
            assert refusal.status == 413


async def test_a_server_that_goes_away_in_the_middle_of_a_file_is_transient(tmp_path: Path) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100)
        writer.transport.abort()

    async with serving(leave) as port, client_with() as client:
        with pytest.raises(Failure) as caught:
            await client.upload(f"http://127.0.0.1:{port}/", TYPED, FileBody(large_file(tmp_path)))
    assert caught.value.kind is FailureKind.TRANSIENT
    assert caught.value.status is None


async def test_a_file_that_shrinks_or_goes_is_the_fault_of_this_machine(tmp_path: Path) -> None:
    file = large_file(tmp_path, MEGABYTE)
    body = FileBody(file)
    file.write_bytes(b"short")
    async with raw_server(send(framed(b"{}"))) as server, client_with() as client:
        for words in ("became shorter", "cannot read in: No such file"):
            with pytest.raises(Failure) as caught:
                await client.upload(server.base_url, TYPED, body)
            assert caught.value.kind is FailureKind.LOCAL
            assert not caught.value.reached
            assert words in caught.value.message
            file.unlink(missing_ok=True)
        assert server.requests == []
    with pytest.raises(CannotRead):
        FileBody(file)


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(send_and_close(framed(bytes(5000))[:-1]), id="a byte is missing"),
        pytest.param(send_and_close(chunked(bytes(5000), end=False)), id="the last chunk is missing"),
        pytest.param(send_and_reset(chunked(bytes(5000), end=False)), id="reset"),
    ],
)
async def test_a_download_that_is_cut_is_transient(deed: Deed) -> None:
    async with raw_server(deed) as server, client_with() as client:
        with pytest.raises(Failure) as caught:
            await body_of(await client.download(server.base_url, BARE))
    assert caught.value.kind is FailureKind.TRANSIENT


async def test_a_file_may_take_longer_than_an_answer_as_long_as_it_goes_on() -> None:
    pieces: list[bytes | Exception | float] = [b"x", 0.05] * 8
    client = HttpClient(timeouts=Timeouts(total=0.2, stall=PATIENCE_S), transport=Canned(answer(*pieces)))
    assert await body_of(await client.download("https://llm.test/", BARE)) == 8
    with pytest.raises(Failure) as caught:
        await body_of(await client.ask("GET", "https://llm.test/", BARE))
    assert caught.value.timed_out


async def test_a_file_that_stalls_on_its_way_here_is_given_up() -> None:
    async with (
        raw_server(send_and_stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")) as server,
        client_with(Timeouts(stall=0.1, first_byte=0.1)) as client,
    ):
        with pytest.raises(Failure) as caught:
            await body_of(await client.download(server.base_url, BARE))
    assert caught.value.timed_out
    assert "stalled" in caught.value.message


class Slowly(httpx.AsyncBaseTransport):
    """Takes some time for each piece of a request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.received = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            await asyncio.sleep(self._seconds)
            self.received += len(piece)
        return answer(b"{}")()


async def test_an_upload_may_take_long_as_long_as_it_goes_on(tmp_path: Path) -> None:
    network = Slowly(0.02)
    client = HttpClient(timeouts=Timeouts(total=0.05, stall=PATIENCE_S), transport=network)
    body = FileBody(large_file(tmp_path, 2 * MEGABYTE))
    assert await body_of(await client.upload("https://llm.test/", TYPED, body)) == 2
    assert network.received == 2 * MEGABYTE


async def test_an_upload_that_stalls_is_given_up(tmp_path: Path) -> None:
    client = HttpClient(timeouts=Timeouts(stall=0.1), transport=Slowly(PATIENCE_S))
    with pytest.raises(Failure) as caught:
        await client.upload("https://llm.test/", TYPED, FileBody(large_file(tmp_path, MEGABYTE)))
    assert "nothing could be sent for 0.1 s" in caught.value.message
    assert caught.value.timed_out
    assert not caught.value.may_be_billed


async def test_a_sent_file_is_awaited_no_longer_than_an_answer(tmp_path: Path) -> None:
    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        raw_server(be_silent) as server,
        client_with(Timeouts(first_byte=0.1, stall=PATIENCE_S)) as client,
    ):
        with pytest.raises(Failure) as caught:
            await client.upload(server.base_url, TYPED, FileBody(large_file(tmp_path, MEGABYTE)))
    assert caught.value.timed_out
    assert caught.value.may_be_billed
    assert "no answer within 0.1 s" in caught.value.message
