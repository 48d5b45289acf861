"""A server on loopback that sends exact bytes: what no HTTP library would agree to send."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
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
            _, _, sized = head.lower().partition(b"content-length:")
            size = int(sized.split(b"\r\n")[0] or 0)
            self.requests.append(head + await reader.readexactly(size))
            deed = self._script[min(len(self.requests), len(self._script)) - 1]
            await deed(reader, writer)


@asynccontextmanager
async def serving(handler: Deed, *, tls: bool | ssl.SSLContext = False, port: int = 0) -> AsyncIterator[int]:
    """Listen on loopback and give the port. In the end connections are broken and handlers awaited."""
    context = tls if isinstance(tls, ssl.SSLContext) else None
    if tls is True:
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
            with suppress(OSError):  # how it closed is known to the server then, and to no collector
                await writer.wait_closed()
        del handling[task]  # one that failed stays, and is raised in the end

    listening = await asyncio.start_server(handle, "127.0.0.1", port, ssl=context, backlog=1024)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in handling.values():
            writer.transport.abort()
        await asyncio.gather(*handling)


@asynccontextmanager
async def raw_server(*script: Deed, tls: bool | ssl.SSLContext = False) -> AsyncIterator[RawServer]:
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


async def reset(writer: asyncio.StreamWriter, data: bytes = b"") -> None:
    """Send, then break the connection with a RST."""
    if data:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.02)  # a reset overtakes bytes that were not read yet
    if not writer.is_closing():
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def send_and_reset(data: bytes) -> Deed:
    async def deed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reset(writer, data)

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


def chunked(*pieces: bytes, end: bool = True, headers: Iterable[bytes] = ()) -> bytes:
    """An answer in chunks, without the last one unless `end`."""
    lines = [b"HTTP/1.1 200 OK", b"transfer-encoding: chunked", b"content-type: text/event-stream", *headers]
    head = b"\r\n".join([*lines, b"", b""])
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if end else b"")


@contextmanager
def refusing(port: int = 0) -> Iterator[int]:
    """A port where nothing listens, kept from others meanwhile."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
        yield found.getsockname()[1]


@contextmanager
def overrun() -> Iterator[int]:
    """A port where nobody accepts and the queue is full, so that connecting takes for ever."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]
