"""The HTTP client: the only module that imports httpx.

httpx with the `httpx-aiohttp` transport, called below `AsyncClient`: no cookies, no redirects, no environment
proxies. Every error of the transport becomes a `Failure` here, and nowhere else.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from llmdash.llms.transport.awake_clock import AwakeClock
from llmdash.llms.transport.deadline import Deadline, Late
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["BODY_LIMIT", "HttpClient", "HttpResponse"]

BODY_LIMIT = 8_000_000
_LARGE = 262_144
_GRAIN_S = 0.001
_MOST_STALE = 1000  # connections that are discarded before a request fails
_HELD_BACK = 24  # descriptors that connections leave to the rest of the process: journal, imports, names
_LOCAL_ERRNOS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENOBUFS,
    errno.EADDRNOTAVAIL,
}
_TRANSPORT_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    aiohttp.ClientError,
    OSError,
    ValueError,
)
_NO_CONNECTION = (
    aiohttp.ClientConnectorError,  # refused, unreachable, no name, a certificate
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientSSLError,
    aiohttp.InvalidURL,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    socket.gaierror,
    ssl.SSLError,
)


class HttpResponse:
    """An HTTP response whose body is still to be read. `headers` has lower-case names."""

    __slots__ = ("_body", "_deadline", "_received", "_response", "headers", "status")

    def __init__(self, response: httpx.Response, watch: Deadline) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._deadline = watch
        self._received = 0
        self._body: AsyncIterator[bytes] | None = None

    def progress(self) -> None:
        """Note that content arrived: the stall limit starts again with the next wait."""
        self._deadline.progress()

    def shorten_deadline(self, seconds: float) -> None:
        """Wait for the end of the body, which frees the connection, at most `seconds` more: the answer is
        complete.
        """
        self._deadline.shorten_deadline(seconds)

    async def chunk(self) -> bytes | None:
        """The next bytes of the body, never empty; None at its end.

        Raises Failure when the body is cut or passes its cap, when nothing marked as `progress` comes for the
        time of a stall, and at the end of the total time.
        """
        try:
            if self._body is None:
                self._body = aiter(self._stream())
            while (piece := await self._deadline.next(self._body)) is not None:
                self._received += len(piece)
                if self._received > BODY_LIMIT:
                    raise Failure(
                        FailureKind.REQUEST,
                        f"the answer is larger than {BODY_LIMIT:,} bytes",
                        status=self.status,
                    )
                if piece:
                    return piece
        except Late as late:
            raise Failure(FailureKind.TRANSIENT, str(late), status=self.status, timed_out=True) from None
        except _TRANSPORT_ERRORS as error:
            raise _failure(error, self.status) from None
        return None

    async def aclose(self) -> None:
        """Release the connection: it is kept if the body was read to its end, closed if not."""
        self._deadline.close()
        try:
            await self._response.stream.aclose()  # type: ignore[union-attr]
        except _TRANSPORT_ERRORS:
            return  # the answer is complete; a connection that breaks while closing is closed

    def _stream(self) -> httpx.AsyncByteStream:
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise Failure(
                FailureKind.TRANSIENT,
                f"the answer is compressed ({encoding[:40]}) though none was asked for",
                status=self.status,
            )
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("the transport gave a stream that cannot be awaited")
        return stream


class HttpClient:
    """Connections to endpoints, shared by all keys of a run, within one event loop.

    The number of requests at once is not limited here: that is the caller's concurrency. `transport` replaces
    the network (tests do that). `compat` holds what one key learned of an address, so that the others need
    not: pairs of address and what its server refuses.
    """

    def __init__(
        self, *, timeouts: Timeouts | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.compat: set[tuple[str, str]] = set()
        self._clock = AwakeClock()
        self._given = transport
        self._transports: dict[bool, httpx.AsyncBaseTransport] = {}
        self._urls: dict[str, httpx.URL] = {}

    @asynccontextmanager
    async def post(
        self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> AsyncIterator[HttpResponse]:
        """Send `body`. Returns the response once its headers arrived. Raises Failure if there is none."""
        answer = await self._send(url, headers, body)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def _send(self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> HttpResponse:
        watch = Deadline(self.timeouts, self._clock)
        try:
            response = await self._connect_and_send(watch, url, headers, body)
        except BaseException as error:
            watch.close()
            if isinstance(error, Late):
                raise Failure(FailureKind.TRANSIENT, str(error), timed_out=True) from None
            if isinstance(error, _TRANSPORT_ERRORS):
                raise _failure(error) from None
            raise
        watch.answered()
        return HttpResponse(response, watch)

    async def _connect_and_send(
        self, watch: Deadline, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> httpx.Response:
        while True:
            began, request = self._clock.time(), self._request(url, headers, body)
            try:
                return await watch.wait(self._transport_for(request.url).handle_async_request(request))
            except httpx.TimeoutException as error:
                # Its timer counts what a suspended machine slept through; nothing has been sent yet.
                connecting = isinstance(error.__cause__, aiohttp.ConnectionTimeoutError)
                if not connecting or self._clock.time() - began >= self.timeouts.connect - _GRAIN_S:
                    raise

    def _request(self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> httpx.Request:
        large = len(body) > _LARGE
        return httpx.Request(
            "POST",
            self._url(url),
            headers=[*headers, (b"content-length", b"%d" % len(body))] if large else headers,
            content=_slices(body) if large else body,
            # The transport's name for the time until a connection is ready, names and TLS included.
            extensions={"timeout": {"pool": self.timeouts.connect}},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            await transport.aclose()
        if self._given is not None:
            await self._given.aclose()

    def _url(self, url: str) -> httpx.URL:
        if url not in self._urls:
            self._urls[url] = _parsed(url)
        return self._urls[url]

    def _transport_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if self._given is not None:
            return self._given
        secure = url.scheme == "https"
        if secure not in self._transports:
            self._transports[secure] = _transport(secure)
        return self._transports[secure]


def _parsed(url: str) -> httpx.URL:
    """Raises httpx.InvalidURL, also for a host that no name service can look up."""
    found = httpx.URL(url)
    try:
        found.raw_host.decode("ascii").encode("idna")
    except UnicodeError as error:
        raise httpx.InvalidURL(f"{url}: {error}") from None
    return found


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    """A large body in slices: written at once it would block every other answer."""
    for start in range(0, len(body), _LARGE):
        yield body[start : start + _LARGE]


def _transport(secure: bool) -> AiohttpTransport:
    # Reading the certificates takes 18 ms, which a plain http endpoint need not pay.
    context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return AiohttpTransport(verify=context, trust_env=False, client=lambda: _session(context))


class _Connector(aiohttp.TCPConnector):
    """Discards connections with unread data nobody asked for: an answer sent twice would be taken for the
    answer to the next request.
    """

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        for _ in range(_MOST_STALE):
            connection = await super().connect(*args, **options)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("the server sends answers that nobody asked for")


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket, as long as descriptors are left for the rest of the process. Raises OSError (EMFILE).

    A new descriptor is always the lowest that is free, so its number says how many are in use.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and made.fileno() >= most - min(_HELD_BACK, most // 2):
        made.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return made


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_Connector(limit=0, ssl=context, keepalive_timeout=30, socket_factory=_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept-Encoding", "User-Agent", "Accept"),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )


def _failure(error: Exception, status: int | None = None) -> Failure:
    """The Failure for whatever the transport raised; often only its cause tells the cases apart."""
    cause = error.__cause__ or error if isinstance(error, httpx.HTTPError) else error
    kind, message = _meaning(error, cause)
    return Failure(kind, message, status=status, reached=status is not None or _reached(error, cause))


def _reached(error: Exception, cause: BaseException) -> bool:
    """False if the request cannot have got to the endpoint."""
    if isinstance(error, _NO_CONNECTION) or isinstance(cause, _NO_CONNECTION):
        return False
    return not (isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS)


def _meaning(error: Exception, cause: BaseException) -> tuple[FailureKind, str]:
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return _meaning_of_tls(cause)
    if isinstance(
        error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError
    ) or isinstance(cause, aiohttp.InvalidURL):
        return FailureKind.CONFIG, f"not a usable address: {cause}; check base_url"
    if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return FailureKind.LOCAL, f"no address found{_why(cause, 'for')}; check the network, and base_url"
    if isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS:
        return FailureKind.LOCAL, f"this machine cannot connect{_why(cause, 'to')}"
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return FailureKind.TRANSIENT, "the server closed the connection without an answer"
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return FailureKind.TRANSIENT, f"no connection in time: {cause}"
    if isinstance(cause, aiohttp.ClientPayloadError):
        return FailureKind.TRANSIENT, "truncated: the connection broke before the answer was whole"
    if isinstance(cause, aiohttp.ClientResponseError):
        return FailureKind.TRANSIENT, f"the answer breaks HTTP: {' '.join(cause.message.split())[:200]}"
    if isinstance(cause, ValueError):
        words = "the answer breaks HTTP: its head holds characters that may not be there"
        return FailureKind.TRANSIENT, words
    if isinstance(cause, aiohttp.ClientConnectorError):
        return FailureKind.TRANSIENT, f"cannot connect{_why(cause, 'to')}"
    return FailureKind.TRANSIENT, ": ".join(part for part in (type(cause).__name__, str(cause)) if part)


def _meaning_of_tls(cause: BaseException) -> tuple[FailureKind, str]:
    found: object = cause
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        found = cause.certificate_error
    elif isinstance(cause, aiohttp.ClientConnectorError):
        found = cause.os_error
    if isinstance(found, ssl.CertificateError):
        return FailureKind.CONFIG, f"the TLS certificate is not trusted{_why(cause)}; check base_url"
    if isinstance(found, ssl.SSLError) and found.reason == "WRONG_VERSION_NUMBER":
        return FailureKind.CONFIG, f"no TLS spoken{_why(cause)}; does base_url need http:// ?"
    return FailureKind.TRANSIENT, f"TLS failed{_why(cause)}"


def _why(cause: BaseException, preposition: str = "at") -> str:
    """` at host:port (reason)`, as far as it is known: aiohttp's own words name its inner parts as well."""
    place, reason = "", cause
    if isinstance(cause, aiohttp.ClientConnectorError):
        place, reason = f" {preposition} {cause.host}:{cause.port}", cause.os_error
    elif isinstance(cause, aiohttp.ClientConnectorCertificateError):
        place, reason = f" {preposition} {cause.host}:{cause.port}", cause.certificate_error
    words = getattr(reason, "verify_message", None) or _system_words(reason) or str(reason)
    return f"{place} ({words})"


def _system_words(error: BaseException) -> str:
    """The system's words for an error of the network; asyncio puts its own in their place."""
    if not isinstance(error, OSError) or error.errno is None:
        return ""
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    return os.strerror(error.errno).lower() if error.errno > 0 else ""
