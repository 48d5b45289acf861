"""ServiceCalls: the requests to a batch service, beside those of the model, with the same key."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit, urlunsplit

from llmdash.llms.adapted_body import KnownChanges
from llmdash.llms.answer_pieces import start_of
from llmdash.llms.batch_services.files import write_body
from llmdash.llms.request_body import written
from llmdash.llms.request_head import HeaderList, RequestHead
from llmdash.llms.sync_bridge import there
from llmdash.llms.transport.bodies import CannotRead, FileBody
from llmdash.llms.transport.connections import Connections
from llmdash.llms.wire.dialect import Header
from llmdash.llms.wire.documents import as_json, malformed, page_from_a_proxy
from llmdash.llms.wire.failures import Failure, FailureKind, failure_in, from_response
from llmdash.secrets import Redactor

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient, HttpResponse

__all__ = ["ServiceCalls", "ServiceReply", "body_of"]

T = TypeVar("T")

_JSON = "application/json"
_PLACE_GIVEN = " (a place that the service gave)"
_DEPLOYMENT = re.compile(r"/deployments/[^/]+\Z")
_PORTS = {"http": 80, "https": 443}


class ServiceReply(NamedTuple):
    """What a service answered: the JSON document, None where there is none, and the headers."""

    document: Any
    headers: Mapping[str, str]

    def refused(self, redact: Callable[[str], str]) -> Failure:
        """Return the Failure for a document that is not what was asked for."""
        return failure_in(self.document, self.headers, redact=redact) or malformed("not the JSON expected")


class ServiceCalls:
    """Calls to the addresses beside `head.target`, whose own part of the path is `own_path`.

    Every call raises Failure where it fails, and none is repeated.
    """

    def __init__(
        self, head: RequestHead, own_path: str, connections: Connections, redactor: Redactor
    ) -> None:
        self._headers = head.headers
        self._connections = connections
        self._redactor = redactor
        base, _, self._query = head.target.partition("?")
        self._root = _above(base, own_path)
        self._shown_root = _above(head.url.partition("?")[0], own_path)

    @property
    def host(self) -> str:
        """The host that is asked, in lower case; empty where the address has none."""
        own = _split("", self._root)
        return "" if own is None else (own.hostname or "").lower()

    @property
    def path(self) -> str:
        """The path that all addresses are below."""
        own = _split("", self._root)
        return "" if own is None else own.path

    @property
    def redact(self) -> Callable[[str], str]:
        """Masks every secret of the requests."""
        return self._redactor.redact

    def beside(self, end: str, other: str, key_header: bytes) -> ServiceCalls:
        """Return the calls to addresses below another root of the same server, which has `other` in place of
        `end`. A key that is sent as a bearer token goes there in the header `key_header`.
        """
        found = copy(self)
        found._headers = self._headers.key_in(key_header)
        found._root = self._root.removesuffix(end) + other
        found._shown_root = self._shown_root.removesuffix(end) + other
        return found

    def shown(self, path: str) -> str:
        """Return the URL of a path as it may be seen."""
        return self._shown_root + path

    async def get(self, path: str, **query: str) -> ServiceReply:
        """Ask for a document."""
        return await self._document(
            path, lambda client: client.ask("GET", self._url(path, query), self._bare)
        )

    async def post(
        self, path: str, fields: Mapping[str, Any] | None = None, more: Iterable[Header] = ()
    ) -> ServiceReply:
        """Send a document; None is no body at all. `more` are headers of this call only."""
        if fields is None:
            return await self._document(path, lambda client: client.ask("POST", self._url(path), self._bare))
        body, headers = written(fields), self._headers.for_body(_JSON).also(more)
        return await self._document(path, lambda client: client.post(self._url(path), headers, body))

    async def upload(
        self, path: str, file: Path, around: tuple[bytes, bytes] = (b"", b""), content_type: str = _JSON
    ) -> ServiceReply:
        """Send a file, with what is `around` it."""
        body, headers = body_of(file, *around), self._headers.for_body(content_type)
        return await self._document(path, lambda client: client.upload(self._url(path), headers, body))

    async def upload_at(self, address: str, body: FileBody, more: Iterable[Header]) -> ServiceReply:
        """Send a file to an address that the service gave; `more` are headers of this call only. Neither the
        file nor the key goes to another server: Failure (CONFIG) says so.
        """
        url, headers = self._same_server(address), self._bare.also(more)
        return await self._document(_PLACE_GIVEN, lambda client: client.upload(url, headers, body))

    async def delete(self, path: str) -> None:
        """Delete something; what is gone already is no failure."""
        try:
            await self._document(path, lambda client: client.ask("DELETE", self._url(path), self._bare))
        except Failure as failure:
            if failure.status not in (404, 410):
                raise

    async def download(self, path: str, file: Path, **query: str) -> None:
        """Write the body of a path to `file`, which is there only once it is whole."""
        await self._write(self._url(path, query), path, file)

    async def download_at(self, address: str, file: Path) -> None:
        """Write the body of an address that the service gave, as `download`. The key goes to no other server:
        Failure (CONFIG) says so.
        """
        await self._write(self._same_server(address), _PLACE_GIVEN, file)

    def learned(self) -> KnownChanges:
        """Return what the keys of an endpoint learned about it, by address and model."""
        return self._connections.learned()

    @property
    def _bare(self) -> HeaderList:
        return self._headers.for_body(None)

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        parts = [part for part in (urlencode(query or {}, quote_via=quote), self._query) if part]
        return self._root + path + ("?" + "&".join(parts) if parts else "")

    def _same_server(self, address: str) -> str:
        """The URL of an address that the service gave, which is written as one of this server."""
        own, other = _split("", self._root), _split(self._root, address)
        if own is None or other is None or _server(other) != _server(own):
            host = "" if other is None else f" ({(other.hostname or '')[:100]})"
            words = f"the service names a place at another server{host}, to which the key is not sent"
            raise Failure(FailureKind.CONFIG, self._redactor.redact(words), status=200)
        query = "&".join(part for part in (other.query, self._query) if part)
        return urlunsplit((own.scheme, own.netloc, other.path, query, ""))

    async def _write(self, url: str, path: str, file: Path) -> None:
        async def write(answer: HttpResponse) -> None:
            await write_body(answer, file)

        await self._made(path, lambda client: client.download(url, self._bare), write)

    async def _document(
        self, path: str, send: Callable[[HttpClient], Awaitable[HttpResponse]]
    ) -> ServiceReply:
        return await self._made(path, send, _reply_of)

    async def _made(
        self,
        path: str,
        send: Callable[[HttpClient], Awaitable[HttpResponse]],
        read: Callable[[HttpResponse], Coroutine[Any, Any, T]],
    ) -> T:
        """What `read` makes of the response, where the connections are. Raises Failure."""

        async def work() -> T:
            client = await self._connections.client()
            try:
                async with await send(client) as answer:
                    if 200 <= answer.status < 300:
                        return await read(answer)
                    body, is_cut = await start_of(answer)
                raise from_response(
                    answer.status, answer.headers, body, redact=self._redactor.redact, is_cut=is_cut
                )
            except Failure as failure:
                self._explain(failure, path, client)
                raise

        return await (work() if self._connections.shared is not None else there(work))

    def _explain(self, failure: Failure, path: str, client: HttpClient) -> None:
        """Say what was asked where that may be the fault; take out what must not be seen."""
        message = failure.message
        if failure.status is not None and (
            failure.status in (404, 405) or failure.kind is FailureKind.CONFIG
        ):
            message = f"{message} (asked was {self.shown(path)})"
        failure.reword(client.redact(self._redactor.redact(message)))


def body_of(file: Path, opening: bytes = b"", closing: bytes = b"") -> FileBody:
    """Return a file as the body of a request. Raises Failure (LOCAL) if there is none."""
    try:
        return FileBody(file, opening, closing)
    except CannotRead as error:
        raise Failure(FailureKind.LOCAL, str(error), reached=False) from error


async def _reply_of(answer: HttpResponse) -> ServiceReply:
    body = bytearray()
    while (piece := await answer.chunk()) is not None:
        body += piece
    if (page := page_from_a_proxy(body, answer.status)) is not None:
        raise page
    return ServiceReply(as_json(bytes(body)), answer.headers)


def _above(url: str, own_path: str) -> str:
    """The address that the paths of the service stand below; not a single deployment, as Azure has them."""
    return _DEPLOYMENT.sub("", url.removesuffix(own_path))


def _split(base: str, address: str) -> SplitResult | None:
    try:
        parts = urlsplit(urljoin(base, address))
        return parts if parts.port is None or parts.hostname else None
    except ValueError:
        return None


def _server(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
