"""A server on loopback that sends exact bytes: what no HTTP library would agree to send."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).parent / "data" / "self_signed.pem"

Deed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class RawServer:
    """Reads one request after the other on each connection and does the next deed of its script for each, the
    last deed for ever. `connections` counts; `requests` holds what was read.
    """

    def __init__(self, script: tuple[Deed, ...], scheme: str) -> None:
        self._script = script
        self._scheme = scheme
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(size))
            deed = self._script[min(len(self.requests), len(self._script)) - 1]
            await deed(reader, writer)


@asynccontextmanager
async def serving(handler: Deed, *, tls: bool = False) -> AsyncIterator[int]:
    """Listen on loopback and give the port. In the end connections are broken and handlers awaited."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    handling: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling[task] = writer
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in handling.values():
            writer.transport.abort()
        await asyncio.gather(*handling)


@asynccontextmanager
async def raw_server(*script: Deed, tls: bool = False) -> AsyncIterator[RawServer]:
    server = RawServer(script, "https" if tls else "http")
    async with serving(server.serve, tls=tls) as server.port:
        yield server


def send(data: bytes) -> Deed:
    """Send these bytes and keep the connection."""

    async def deed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return deed


def send_and_close(data: bytes) -> Deed:
    async def deed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return deed


def send_and_reset(data: bytes) -> Deed:
    """Send, then break the connection with a RST."""

    async def deed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if data:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.02)  # a reset overtakes bytes that were not read yet
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return deed


def send_and_stall(data: bytes) -> Deed:
    async def deed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await reader.read()  # until the client gives up

    return deed


def framed(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer with `Content-Length`."""
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """An answer in chunks, without the last one unless `end`."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n"
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if end else b"")


def refused_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
