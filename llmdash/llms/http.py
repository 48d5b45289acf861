"""The wire: the only module that knows httpx.

httpx with the `httpx-aiohttp` transport, called below `AsyncClient`: no cookies, no redirects, no environment
proxies. Every error of the transport becomes a `Failure` here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.timeouts import Timeouts

__all__ = ["BODY_LIMIT", "Answer", "HttpClient", "now"]

BODY_LIMIT = 8_000_000
_LOCAL_ERRNOS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENOBUFS,
    errno.EADDRNOTAVAIL,
}


class Answer:
    """An HTTP answer whose body is still to be read. `headers` has lower-case names."""

    __slots__ = ("_deadline", "_response", "_timeouts", "headers", "status")

    def __init__(self, response: httpx.Response, timeouts: Timeouts, deadline: float) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._timeouts = timeouts
        self._deadline = deadline

    @property
    def stall_s(self) -> float:
        """How long content may fail to come, in seconds."""
        return self._timeouts.stall

    def hurry(self, seconds: float = 1.0) -> None:
        """All that matters has come: wait for the end of the body, which frees the connection, but not for
        long.
        """
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the body as they arrive. Raises Failure on a cut, a stall, or past the body cap."""
        iterator = aiter(self._stream())
        received, clock = 0, asyncio.get_running_loop().time
        while True:
            until = min(clock() + self._timeouts.stall, self._deadline)
            with _failures():
                try:
                    async with asyncio.timeout_at(until):
                        chunk = await anext(iterator, None)
                except TimeoutError:
                    raise self._late(until) from None
            if chunk is None:
                return
            received += len(chunk)
            if received > BODY_LIMIT:
                raise Failure(
                    FailureKind.REQUEST, f"the answer is larger than {BODY_LIMIT:,} bytes", status=self.status
                )
            yield chunk

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    def _stream(self) -> httpx.AsyncByteStream:
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise Failure(
                FailureKind.TRANSIENT,
                f"the answer is compressed ({encoding}) though none was asked for",
                status=self.status,
            )
        stream = self._response.stream
        if not isinstance(
            stream, httpx.AsyncByteStream
        ):  # pragma: no cover - httpx itself never builds such a one
            raise TypeError("the transport gave a stream that cannot be awaited")
        return stream

    def _late(self, until: float) -> Failure:
        if until >= self._deadline:
            return Failure(
                FailureKind.TRANSIENT, f"no end after {self._timeouts.total:g} s", status=self.status
            )
        return Failure(
            FailureKind.TRANSIENT, f"stalled: nothing came for {self._timeouts.stall:g} s", status=self.status
        )

    async def aclose(self) -> None:
        await self._response.stream.aclose()  # type: ignore[union-attr]


class HttpClient:
    """Connections to endpoints, shared by all keys of a run, within one event loop.

    The number of requests at once is not limited here: the caller knows its concurrency. `transport` replaces
    the network (tests do that).
    """

    def __init__(
        self, *, timeouts: Timeouts | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self._transport = transport
        self._urls: dict[str, httpx.URL] = {}

    @asynccontextmanager
    async def post(
        self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> AsyncIterator[Answer]:
        """Send `body` and give the answer once its headers are there. Raises Failure if there is none."""
        answer = await self._send(url, headers, body)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def _send(self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Answer:
        deadline = asyncio.get_running_loop().time() + self.timeouts.total
        with _failures():
            request = httpx.Request(
                "POST",
                self._url(url),
                headers=headers,
                content=body,
                extensions={"timeout": {"connect": self.timeouts.connect}},
            )
            try:
                async with asyncio.timeout(self.timeouts.first_byte):
                    response = await self._transport_for(url).handle_async_request(request)
            except TimeoutError:
                raise Failure(
                    FailureKind.TRANSIENT, f"no answer within {self.timeouts.first_byte:g} s"
                ) from None
        return Answer(response, self.timeouts, deadline)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            await self._transport.aclose()

    def _url(self, url: str) -> httpx.URL:
        if url not in self._urls:
            self._urls[url] = httpx.URL(url)
        return self._urls[url]

    def _transport_for(self, url: str) -> httpx.AsyncBaseTransport:
        if self._transport is None:
            # Reading the certificates takes 18 ms, which a plain http endpoint need not pay.
            context = (
                ssl.create_default_context()
                if url.startswith("https")
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
            self._transport = AiohttpTransport(
                verify=context, trust_env=False, client=lambda: _session(context)
            )
        return self._transport


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept-Encoding", "User-Agent", "Accept"),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )


@contextmanager
def _failures() -> Iterator[None]:
    """Turn whatever the transport raises into a Failure."""
    try:
        yield
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.StreamError,
        aiohttp.ClientError,
        OSError,
        ValueError,
    ) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Failure:
    cause = error.__cause__ or error
    # aiohttp's message names the address that was tried; its certificate errors are connector errors too, so
    # they go first.
    if isinstance(
        cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError
    ):
        return Failure(
            FailureKind.CONFIG, f"the TLS certificate is not trusted: {cause}; check the address in base_url"
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL) or isinstance(
        cause, aiohttp.InvalidURL
    ):
        return Failure(FailureKind.CONFIG, f"not a usable address: {cause}; check base_url")
    if isinstance(cause, ValueError) and not isinstance(cause, aiohttp.ClientError):
        return Failure(FailureKind.TRANSIENT, "the answer breaks HTTP: a header holds a control character")
    if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return Failure(FailureKind.LOCAL, f"no address found: {cause}")
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return Failure(FailureKind.TRANSIENT, "the server closed the connection without an answer")
    if isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS:
        return Failure(FailureKind.LOCAL, f"this machine cannot connect: {cause.strerror or cause}")
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return Failure(FailureKind.TRANSIENT, "no connection in time")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Failure(FailureKind.TRANSIENT, f"connection refused: {cause.os_error.strerror or cause}")
    if isinstance(cause, aiohttp.ClientPayloadError):
        return Failure(FailureKind.TRANSIENT, "truncated: the connection broke before the answer was whole")
    if isinstance(cause, aiohttp.ClientResponseError):
        return Failure(FailureKind.TRANSIENT, f"the answer breaks HTTP: {cause.message}")
    return Failure(
        FailureKind.TRANSIENT, f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    )


def now() -> float:
    """The monotonic clock by which arrivals are stamped, in seconds."""
    return time.monotonic()
