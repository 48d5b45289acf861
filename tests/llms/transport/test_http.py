"""The real transport against exact bytes: this pins how its errors become Failures."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket

import pytest

from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, KEY, chunk
from tests.llms.raw_server import (
    Deed,
    chunked,
    framed,
    overrun,
    raw_server,
    refusing,
    send,
    send_and_close,
    send_and_reset,
    send_and_stall,
    serving,
)
from tests.llms.transport.held_clock import HeldClock

STREAM = (chunk("Hello"), chunk(finish="stop"), DONE)
DOCUMENT = b'{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"


async def ask(base_url: str, timeouts: Timeouts | None = None, client: HttpClient | None = None) -> str:
    client = client or HttpClient(timeouts=timeouts)
    llm = ChatOpenAI("m", api_key=KEY, base_url=base_url, client=client, max_retries=0)
    try:
        return (await llm.ainvoke("hi")).text
    finally:
        await client.aclose()


async def failure_at(
    base_url: str, timeouts: Timeouts | None = None, client: HttpClient | None = None
) -> Failure:
    with pytest.raises(Failure) as caught:
        await ask(base_url, timeouts, client)
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(chunked(*STREAM), id="chunked"),
        pytest.param(framed(b"".join(STREAM)), id="content-length"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(STREAM), id="until the connection closes"),
        pytest.param(framed(DOCUMENT), id="a document"),
        pytest.param(framed(DOCUMENT, status=b"200 \xff"), id="a reason in no encoding"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + framed(DOCUMENT), id="100 first"),
        pytest.param(chunked(*STREAM, end=False), id="[DONE], but no last chunk"),
    ],
)
async def test_a_whole_answer_is_read_in_each_framing(data: bytes) -> None:
    async with raw_server(send_and_close(data)) as server:
        assert await ask(server.base_url) == "Hello"


TRUNCATED = "truncated: the connection broke before the answer was whole"


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        pytest.param(send_and_close(b""), "closed the connection without an answer", id="no answer"),
        pytest.param(send_and_close(b"HTTP/1.1 200 OK\r\nx: "), "without an answer", id="half a head"),
        pytest.param(send_and_reset(b""), "reset by peer", id="reset"),
        pytest.param(send_and_close(HEAD + chunk("Hel")), TRUNCATED, id="content-length cut"),
        pytest.param(send_and_close(HEAD + b'{"choices": [{'), TRUNCATED, id="document cut"),
        pytest.param(send_and_close(chunked(chunk("Hel"), end=False)), TRUNCATED, id="chunked cut"),
        pytest.param(
            send_and_close(chunked(chunk("Hel"), end=False) + b"40\r\nda"), TRUNCATED, id="chunk cut"
        ),
        pytest.param(send_and_reset(chunked(chunk("Hel"), end=False)), TRUNCATED, id="body reset"),
        pytest.param(
            send_and_close(b"HTTP/1.0 200 OK\r\n\r\n" + chunk("Hel")), "truncated", id="until close, cut"
        ),
        pytest.param(send_and_close(b"nonsense\r\n\r\n"), "breaks HTTP", id="no status line"),
        pytest.param(send_and_close(b"HTTP/1.1 abc OK\r\n\r\n"), "breaks HTTP", id="bad status"),
        pytest.param(
            send_and_close(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000), "breaks HTTP", id="endless header"
        ),
        pytest.param(send_and_close(framed(b"", b"x: a\x00b")), "breaks HTTP", id="control character"),
        pytest.param(send_and_close(HEAD.replace(b"5000", b"-5")), "breaks HTTP", id="bad length"),
        pytest.param(
            send_and_close(framed(b"", b"x\x01: a")), "breaks HTTP", id="control character in a name"
        ),
        pytest.param(
            send_and_close(chunked(end=False) + b"zz\r\n"), "breaks HTTP", id="a chunk without a size"
        ),
        pytest.param(
            send_and_close(framed(b"", status=b"999 X")), "no reason given", id="a status of no class"
        ),
        pytest.param(
            send_and_close(framed(b"x", b"content-encoding: snappy")), "(snappy)", id="an unknown encoding"
        ),
    ],
)
async def test_a_broken_exchange_is_transient_and_says_how_it_broke(deed: Deed, words: str) -> None:
    async with raw_server(deed) as server:
        failure = await failure_at(server.base_url)
    assert failure.kind is FailureKind.TRANSIENT
    assert words in failure.message
    assert failure.reached


async def test_a_refused_port_is_transient_and_named() -> None:
    with refusing() as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1")
    assert failure.kind is FailureKind.TRANSIENT
    assert f"127.0.0.1:{port}" in failure.message
    assert not failure.reached


async def test_a_name_without_address_is_the_fault_of_this_machine() -> None:
    failure = await failure_at("http://nonexistent.invalid/v1")
    assert failure.kind is FailureKind.LOCAL
    assert "nonexistent.invalid" in failure.message
    assert not failure.reached


async def test_no_descriptor_left_is_the_fault_of_this_machine() -> None:
    async with raw_server(send(framed(DOCUMENT))) as server:
        client = HttpClient()
        llm = ChatOpenAI("m", api_key=KEY, base_url=server.base_url, client=client, max_retries=0)
        gc.collect()  # what is collected meanwhile would give descriptors back
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as next_free:
            resource.setrlimit(resource.RLIMIT_NOFILE, (next_free.fileno(), limits[1]))
            try:
                with pytest.raises(Failure) as caught:
                    await llm.ainvoke("hi")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert caught.value.kind is FailureKind.LOCAL
        assert "too many open files" in caught.value.message
        assert not caught.value.reached
        assert (await llm.ainvoke("hi")).text == "Hello"
        await client.aclose()


@pytest.mark.parametrize(
    "base_url",
    [
        "127.0.0.1:8000/v1",
        "ftp://127.0.0.1/v1",
        "http://",
        "http://x:port/v1",
        "/v1",
        "http://127.0.0.1:99999/v1",
        "http://a..b/v1",
        f"http://{'a' * 70}.test/v1",
        "http://\x00/v1",
    ],
)
async def test_an_unusable_address_is_a_matter_of_settings(base_url: str) -> None:
    failure = await failure_at(base_url)
    assert failure.kind is FailureKind.CONFIG
    assert "base_url" in failure.message
    assert not failure.reached


async def test_an_untrusted_certificate_is_a_matter_of_settings() -> None:
    async with raw_server(send(framed(DOCUMENT)), tls=True) as server:
        failure = await failure_at(server.base_url)
        assert failure.kind is FailureKind.CONFIG
        assert "certificate is not trusted" in failure.message
        assert server.requests == []
    assert not failure.reached


async def test_https_asked_of_a_server_that_speaks_http_names_the_fix() -> None:
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(complain) as port:
        failure = await failure_at(f"https://127.0.0.1:{port}/v1")
    assert failure.kind is FailureKind.CONFIG
    assert "http://" in failure.message
    assert not failure.reached


async def test_a_server_that_drops_a_handshake_was_not_reached() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with serving(drop) as port:
        failure = await failure_at(f"https://127.0.0.1:{port}/v1")
    assert failure.kind is FailureKind.TRANSIENT
    assert not failure.reached


async def test_a_redirect_is_a_matter_of_settings_and_not_followed() -> None:
    moved = framed(b"", b"location: http://127.0.0.1:1/elsewhere", status=b"307 Temporary Redirect")
    async with raw_server(send(moved)) as server:
        failure = await failure_at(server.base_url)
        assert len(server.requests) == 1
    assert failure.kind is FailureKind.CONFIG
    assert "http://127.0.0.1:1/elsewhere" in failure.message
    assert failure.reached


async def test_headers_that_do_not_come_are_waited_for_no_longer_than_set() -> None:
    clock = HeldClock()
    async with raw_server(clock.go_on_with(send_and_stall(b"HTTP/1.1 200 OK\r\n"))) as server:
        failure = await failure_at(server.base_url, client=clock.client(Timeouts(first_byte=0.5)))
    assert failure.kind is FailureKind.TRANSIENT
    assert failure.message == "no answer within 0.5 s; more time: first_byte_timeout"
    assert (failure.reached, failure.may_be_billed) == (True, True)


async def test_a_body_that_does_not_come_is_a_stall() -> None:
    """Once content has come, the time for the first byte no longer counts, long as it may be."""
    limits = Timeouts(first_byte=3600.0, stall=0.05)
    async with raw_server(send_and_stall(chunked(chunk("Hel"), end=False))) as server:
        failure = await failure_at(server.base_url, limits)
    assert (failure.kind, failure.message) == (FailureKind.TRANSIENT, "stalled: no content for 0.05 s")
    assert failure.reached


async def test_an_address_where_nobody_accepts_is_given_up_after_the_connect_time() -> None:
    with overrun() as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1", Timeouts(connect=0.05))
    assert failure.kind is FailureKind.TRANSIENT
    assert "no connection in time" in failure.message
    assert not failure.reached


async def test_the_refusal_of_a_body_is_heard_while_it_is_still_sent() -> None:
    """A server may answer 413 and close without reading a body that is too large."""
    refusal = framed(b'{"error": {"message": "too large"}}', status=b"413 Content Too Large")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        await reader.read()

    async with serving(refuse) as port:
        client = HttpClient()
        llm = ChatOpenAI(
            "m", api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1", client=client, max_retries=0
        )
        with pytest.raises(Failure) as caught:
            await llm.ainvoke("x" * 5_000_000)
        await client.aclose()
    assert (caught.value.kind, caught.value.status) == (FailureKind.REQUEST, 413)
