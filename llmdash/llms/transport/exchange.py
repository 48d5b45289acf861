"""Exchange: one request and its answer on a connection of aiohttp, whose parser reads it.

aiohttp's own session makes a task, and some sixty calls, of each request; here its bytes are written at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter

from llmdash.llms.transport.received import Received, joined
from llmdash.llms.transport.sending import SENDING

__all__ = ["Exchange", "Head"]

_PIECE = 16_384
_HEADER_LIMIT = 65_536
_READING: dict[str, Any] = {
    "skip_payload": False,
    "read_until_eof": True,
    "auto_decompress": False,
    "max_line_size": _HEADER_LIMIT,
    "max_field_size": _HEADER_LIMIT,
    "max_headers": 256,
}
_SWITCHING = 101


class Head(bytes):
    """The head of a request. A traceback that shows local variables does not show what is in it."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Exchange:
    """Keeps the connection for others once the answer was read to its end, with the whole request written."""

    __slots__ = ("_connection", "_content", "_writing", "at_end")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._writing: asyncio.Task[None] | None = None

    async def answer(self, head: Head, body: bytes | AsyncIterable[bytes]) -> Received:
        """Write a request, and return its answer once the headers are there."""
        connection = self._connection
        assert connection is not None  # noqa: S101 - nothing has ended it yet
        assert connection.protocol is not None  # noqa: S101
        protocol = connection.protocol
        try:
            protocol.set_response_params(**_READING)
            if (about_to_send := SENDING.get(None)) is not None:
                about_to_send()  # what it holds back is cancelled
            self._write(protocol, head, body)
            message, self._content = await protocol.read()
            while 100 <= message.code < 200 and message.code != _SWITCHING:
                message, self._content = await protocol.read()
        except BaseException:  # a cancelled call, too: what comes would be taken for the next answer
            await self.close()
            raise
        self.at_end = self._content.at_eof
        self._content.on_eof(self._ended)
        return Received(message.code, joined(message.raw_headers), self, self.close)

    def read(self) -> Awaitable[bytes]:
        """Wait for the next bytes of the body, of 16 KB at most; empty at the end."""
        return self._content.read(_PIECE)

    async def close(self) -> None:
        """End the connection, if its answer was not read to its end."""
        if self._writing is not None:
            self._writing.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ended(self) -> None:
        connection = self._connection
        protocol = None if connection is None else connection.protocol
        is_written = self._writing is None or self._writing.done()
        if connection is not None and protocol is not None and is_written and not protocol.upgraded:
            self._connection = None
            connection.release()

    def _write(self, protocol: ResponseHandler, head: Head, body: bytes | AsyncIterable[bytes]) -> None:
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the connection closed before the request was written")
        if isinstance(body, bytes):
            transport.write(head + body)
        else:
            transport.write(head)
            self._writing = asyncio.create_task(_write_slices(protocol, body))


async def _write_slices(protocol: ResponseHandler, slices: AsyncIterable[bytes]) -> None:
    """Write a large body while its answer is awaited: a server may refuse it before it has read it."""
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    pieces = aiter(slices)
    try:
        async for piece in pieces:
            await writer.write(piece)
    except OSError as error:
        protocol.set_exception(error)  # told where the answer is awaited, unless there is one already
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()  # a file that is sent is closed at once
