"""The HTTP client.

Speaks through aiohttp, or through a transport of httpx that is given: no cookies, no redirects, a proxy only
where one is asked for. Every error of the transport becomes a `Failure` here, and nowhere else.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from llmdash.llms.transport import proxies
from llmdash.llms.transport.aiohttp_transport import AiohttpTransport
from llmdash.llms.transport.awake_clock import AwakeClock
from llmdash.llms.transport.bodies import FileBody, in_pieces
from llmdash.llms.transport.certificates import Certificates
from llmdash.llms.transport.deadline import Deadline, Late
from llmdash.llms.transport.http_failures import TRANSPORT_ERRORS, failure_of
from llmdash.llms.transport.received import Header, Received, Transport
from llmdash.llms.transport.response import BODY_LIMIT, HttpResponse
from llmdash.llms.transport.timeouts import FIRST_BYTE_S, Timeouts
from llmdash.llms.wire.adaptation import Change
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Redactor, Secret

if TYPE_CHECKING:
    import httpx

__all__ = ["BODY_LIMIT", "HttpClient", "HttpResponse"]

_GRAIN_S = 0.001
_MOST_ROUTES = 1024

Answering = Coroutine[Any, Any, HttpResponse]
"""A request that is sent as it is awaited."""


class HttpClient:
    """Connections to endpoints, shared by all keys of a run, within one event loop.

    | argument | meaning |
    |---|---|
    | `timeouts` | all time limits |
    | `proxy` | `http://user:password@host:port`, or `https://`; `"environment"`: what HTTPS_PROXY, \
HTTP_PROXY, ALL_PROXY and NO_PROXY say; None: none |
    | `ca_file` | PEM file of certificates to trust beside those of the system (or of SSL_CERT_FILE) |
    | `client_cert`, `client_key` | the certificate to show to servers that ask; its key, if in a file apart |
    | `transport` | replaces the network (tests do that) |

    The number of requests at once is not limited here: that is the caller's concurrency. `compat` holds what
    one key learned of an address and a model, so that the others need not: what its server wants changed.

    Raises ValueError for an address that cannot be a proxy's.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        proxy: str | Secret | None = None,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.compat: dict[tuple[str, str], tuple[Change, ...]] = {}
        self._clock = AwakeClock()
        given = proxy.reveal() if isinstance(proxy, Secret) else proxy or None
        self._proxy = given if given in (None, proxies.ENVIRONMENT) else proxies.checked(given)
        self._certificates = Certificates(ca_file, client_cert, client_key)
        self._redactor = Redactor()
        self._given = None if transport is None else _given(transport)
        self._routes: dict[str, tuple[Transport, URL]] = {}
        """How each address is reached, and how it is read."""
        self._made: dict[tuple[bool, str | None], AiohttpTransport] = {}

    def redact(self, text: str) -> str:
        """Return `text` with the passwords of proxies masked."""
        return self._redactor.redact(text)

    def post(
        self,
        url: str,
        headers: tuple[Header, ...],
        body: bytes,
        *,
        first_byte: float = FIRST_BYTE_S,
    ) -> Answering:
        """Send `body`. Returns the response, to be closed, once its headers arrived. Raises Failure if there
        is none.

        `first_byte` is how long that usually takes at most, in seconds, where `timeouts` does not say.
        """
        watch = Deadline(self.timeouts, self._clock, self.timeouts.until_first_byte(first_byte))
        return self._answered(watch, "POST", url, headers, body)

    def ask(self, method: str, url: str, headers: tuple[Header, ...]) -> Answering:
        """Send a request without a body, as `post`: GET, DELETE, or a POST whose address says all."""
        return self._answered(Deadline(self.timeouts, self._clock), method, url, headers)

    def upload(self, url: str, headers: tuple[Header, ...], body: FileBody) -> Answering:
        """Send a body that is as large as a file, as `post`. It may take long, as long as it goes on."""
        watch = Deadline(self.timeouts.of_transfers(), self._clock)
        return self._answered(watch, "POST", url, headers, body)

    def download(self, url: str, headers: tuple[Header, ...]) -> Answering:
        """Ask for a body that may be as large as a file. It has no cap, and may take long, as long as each
        chunk is noted as `progress`.
        """
        watch = Deadline(self.timeouts.of_transfers(), self._clock)
        return self._answered(watch, "GET", url, headers, limit=math.inf)

    async def _answered(
        self,
        watch: Deadline,
        method: str,
        url: str,
        headers: tuple[Header, ...],
        body: bytes | FileBody = b"",
        limit: float = BODY_LIMIT,
    ) -> HttpResponse:
        try:
            response = await self._connect_and_send(watch, method, url, headers, body)
        except BaseException as error:  # a cancelled call, too, ends the watch; it is raised again
            watch.close()
            if isinstance(error, Late):
                raise Failure(
                    FailureKind.TRANSIENT, str(error), may_be_billed=error.unheard, timed_out=True
                ) from None
            if isinstance(error, TRANSPORT_ERRORS):
                raise failure_of(error) from None
            raise
        watch.answered()
        return HttpResponse(response, watch, limit)

    async def _connect_and_send(
        self,
        watch: Deadline,
        method: str,
        url: str,
        headers: tuple[Header, ...],
        body: bytes | FileBody,
    ) -> Received:
        length = len(body) if body or method == "POST" else None
        transport, address = self._route_to(url)
        while True:
            began, sent = self._clock.time(), in_pieces(body, watch)
            try:
                return await watch.wait(
                    transport.send(method, address, headers, sent, length, watch.set_sent)
                )
            except aiohttp.ConnectionTimeoutError:
                # Its timer counts what a suspended machine slept through; nothing has been sent yet.
                if self._clock.time() - began >= self.timeouts.connect - _GRAIN_S:
                    raise

    async def aclose(self) -> None:
        """Close every connection."""
        made, self._made, self._routes = self._made, {}, {}
        for transport in made.values():
            await transport.aclose()
        if self._given is not None:
            await self._given.aclose()

    def drop(self) -> None:
        """Close every connection at once, also where the loop is closed already; not those of a transport
        that was given.
        """
        made, self._made, self._routes = self._made, {}, {}
        for transport in made.values():
            transport.drop()

    def _route_to(self, url: str) -> tuple[Transport, URL]:
        if url not in self._routes:
            if len(self._routes) >= _MOST_ROUTES:  # each batch has an address of its own
                self._routes.clear()
            parsed = _parsed(url)
            self._routes[url] = self._given or self._new_transport(parsed), parsed
        return self._routes[url]

    def _new_transport(self, url: URL) -> AiohttpTransport:
        """One for all addresses behind the same proxy, or behind none."""
        proxy = proxies.proxy_for(self._proxy, url.scheme, url.host or "", url.port)
        kind = (url.scheme == "https" or (proxy or "").startswith("https:"), proxy)
        if kind not in self._made:
            self._redactor.learn(proxies.secrets_of(proxy or ""))
            # Reading the certificates takes 18 ms, which a plain http endpoint need not pay.
            trusted = self._certificates.context() if kind[0] else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._made[kind] = AiohttpTransport(trusted, proxy, self.timeouts.connect)
        return self._made[kind]


def _given(transport: httpx.AsyncBaseTransport) -> Transport:
    from llmdash.llms.transport.httpx_transport import HttpxTransport

    return HttpxTransport(transport)


def _parsed(url: str) -> URL:
    """Raises InvalidURL, also for a host that no name service can look up, and NonHttpUrlClientError."""
    try:
        found = URL(url)
        (found.raw_host or "").encode("idna")
    except ValueError as error:
        raise aiohttp.InvalidURL(url, str(error)) from None
    if not found.raw_host or " " in found.raw_host or not url.isprintable():
        raise aiohttp.InvalidURL(url, "it names no host")
    if found.scheme not in ("http", "https"):
        raise aiohttp.NonHttpUrlClientError(url, "it is neither http:// nor https://")
    return found
