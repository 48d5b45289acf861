"""Gate: who may reach the page and its viewers. Loopback alone keeps out neither other users nor websites."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hmac import compare_digest
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SUBPROTOCOL", "Gate"]

SUBPROTOCOL: Final = "llmdash"
"""What a socket speaks. The token is asked for as a second one: so it is in no address, cookie or log."""
_HOST: Final = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?")
"""Any port: behind `ssh -L` it is another one than ours."""
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the terminal sets styles of its own
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self' ws://{host}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """Lets requests through to `app` that a page of this server has made, and sockets that know the `token`.

    A host other than this machine's own names is refused with 421: its page could be of anybody whose name
    leads here (DNS rebinding). A page of another origin is refused with 403, and so is a socket that names no
    origin or not the token, which is compared in constant time.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(raw=scope.get("headers", ()))
        host, origins = _only(headers.getlist("host")), headers.getlist("origin")
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif not _HOST.fullmatch(host):
            await _refuse(HTTPStatus.MISDIRECTED_REQUEST, scope, receive, send)
        elif scope["type"] == "websocket":
            known = self._knows(scope["subprotocols"]) and _only(origins) == f"http://{host}"
            await (self._app(scope, receive, send) if known else _close(send))
        elif any(origin != f"http://{host}" for origin in origins):
            await _refuse(HTTPStatus.FORBIDDEN, scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send, host))

    def _knows(self, subprotocols: Iterable[str]) -> bool:
        spoken, _, token = ",".join(subprotocols).partition(",")
        return compare_digest(token.encode("utf-8", "replace"), self._token) and spoken == SUBPROTOCOL


def _only(values: list[str]) -> str:
    """The value of a header that is there once; of any other nothing is known."""
    return values[0] if len(values) == 1 else ""


async def _refuse(status: HTTPStatus, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _close(send)
    else:
        await PlainTextResponse(f"{status.phrase}\n", status)(scope, receive, send)


async def _close(send: Send) -> None:
    """Close a socket that was not opened: its client gets 403."""
    await send({"type": "websocket.close", "code": 1008, "reason": ""})


def _with_headers(send: Send, host: str) -> Send:
    """A `send` whose responses keep what they are to this page."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update({**_HEADERS, "Content-Security-Policy": _POLICY.format(host=host)})
        await send(message)

    return sent
