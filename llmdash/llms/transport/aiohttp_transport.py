"""The network: requests through connections of aiohttp."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterable, Callable

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from multidict import CIMultiDict
from yarl import URL

from llmdash.lean_dataclass import dataclass
from llmdash.llms.transport.connector import Connector
from llmdash.llms.transport.exchange import Exchange, Head
from llmdash.llms.transport.proxies import masked
from llmdash.llms.transport.received import Header, Received, header_text

__all__ = ["AiohttpTransport"]

_NOT_OF_ITSELF = ("Accept-Encoding", "User-Agent", "Accept", "Content-Type")
_MOST_PLACES = 1024


class AiohttpTransport:
    """Sends requests through `proxy`, or straight; there is no limit on the number of connections. One is
    ready within `connect_s` seconds, names and TLS included, or aiohttp raises ConnectionTimeoutError.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None, connect_s: float) -> None:
        self._proxy, self._proxy_headers = _proxy(proxy)
        self._timeout = aiohttp.ClientTimeout(connect=connect_s)
        self._connector = Connector(context)
        self._places: dict[tuple[str, URL, tuple[Header, ...]], _Place] = {}
        """What is the same for all requests of a key to an address."""

    async def send(
        self,
        method: str,
        url: URL,
        headers: tuple[Header, ...],
        body: bytes | AsyncIterable[bytes],
        length: int | None,
        connected: Callable[[], None],
    ) -> Received:
        """Return what came back."""
        place = self._places.get((method, url, headers)) or self._new_place(method, url, headers)
        try:
            connection = await self._connector.connect(place.request, traces=[], timeout=self._timeout)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {place.request.url}") from None
        connected()
        if not place.head:
            place.head = _head(place.request)  # with what the proxy wants, which the connector adds
        if length is None:
            return await Exchange(connection).answer(Head(place.head + b"\r\n"), body)
        sized = Head(b"%bcontent-length: %d\r\n\r\n" % (place.head, length))
        return await Exchange(connection).answer(sized, body)

    def _new_place(self, method: str, url: URL, headers: tuple[Header, ...]) -> _Place:
        if len(self._places) >= _MOST_PLACES:  # each batch has an address of its own
            self._places.clear()
        place = self._places[method, url, headers] = _Place(self._request(method, url, headers))
        return place

    def _request(self, method: str, url: URL, headers: tuple[Header, ...]) -> ClientRequest:
        """What aiohttp wants to know of a request to connect."""
        return ClientRequest(
            method,
            url,
            headers=CIMultiDict((header_text(name), header_text(value)) for name, value in headers),
            skip_auto_headers=_NOT_OF_ITSELF,
            loop=asyncio.get_running_loop(),
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    async def aclose(self) -> None:
        await self._connector.close()

    def drop(self) -> None:
        self._connector.drop()


@dataclass(slots=True)
class _Place:
    """Where requests go: `head` is what is written but for the length of the body, once that is known."""

    request: ClientRequest
    head: Head = Head()


def _head(request: ClientRequest) -> Head:
    through = request.proxy is not None and not request.is_ssl()
    target = str(request.url) if through else request.url.raw_path_qs
    lines = [
        f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "content-length"
    ]
    return Head("\r\n".join((f"{request.method} {target} HTTP/1.1", *lines, "")).encode())


def _proxy(address: str | None) -> tuple[URL | None, CIMultiDict[str] | None]:
    """The proxy, and its login as a header, of which aiohttp makes `Proxy-Authorization`, with a tunnel or
    without.
    """
    if address is None:
        return None, None
    try:
        url = URL(address)
    except ValueError:
        raise aiohttp.InvalidURL(masked(address), "it cannot be a proxy") from None
    if url.user is None and url.password is None:
        return url, None
    login = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
    return url.with_user(None), CIMultiDict({"Authorization": f"Basic {login}"})
