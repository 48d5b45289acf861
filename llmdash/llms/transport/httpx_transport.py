"""A transport of httpx in place of the network."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx
from yarl import URL

from llmdash.llms.transport.received import Header, Received, TransportError, joined

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """Sends requests through a transport of httpx that is given: in tests one that is no network at all."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(
        self,
        method: str,
        url: URL,
        headers: tuple[Header, ...],
        body: bytes | AsyncIterable[bytes],
        length: int | None,
        connected: Callable[[], None],
    ) -> Received:
        """Return what came back. Raises TypeError for a response that is not awaited."""
        connected()
        # With a stream httpx derives no headers of its own.
        stream = httpx.ByteStream(body) if isinstance(body, bytes) else _Stream(body)
        sized = () if length is None else ((b"content-length", b"%d" % length),)
        request = httpx.Request(method, str(url), headers=[*headers, *sized], stream=stream)
        if isinstance(body, bytes):
            request.read()
        with _told():
            response = await self._transport.handle_async_request(request)
        found = response.stream
        if not isinstance(found, httpx.AsyncByteStream):
            raise TypeError("the transport gave a stream that cannot be awaited")
        return Received(response.status_code, joined(response.headers.raw), _Body(found), found.aclose)

    async def aclose(self) -> None:
        await self._transport.aclose()


@contextmanager
def _told() -> Iterator[None]:
    """Raises what httpx raises as a TransportError, whose cause is what is behind it."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise TransportError from (error.__cause__ or error)


class _Body:
    """The pieces of a stream, without empty ones."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._pieces = aiter(stream)

    async def read(self) -> bytes:
        with _told():
            async for piece in self._pieces:
                if piece:
                    return piece
        return b""

    def at_end(self) -> bool:
        return False


class _Stream(httpx.AsyncByteStream):
    """A body in slices."""

    def __init__(self, slices: AsyncIterable[bytes]) -> None:
        self._slices = slices

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._slices:
            yield piece
