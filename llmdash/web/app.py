"""The app: the page, what it is made of, and its sockets."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from llmdash.web.gate import Gate
from llmdash.web.sockets import Start, ViewerSockets

__all__ = ["make_app"]

_OWN: Final = Path(__file__).with_name("static")
_TERMINAL: Final = {
    "textual.js": "js/textual.js",
    "xterm.css": "css/xterm.css",
    "mono.ttf": "fonts/RobotoMono-VariableFont_wght.ttf",
}
"""Of textual-serve: xterm.js with what it needs, and its font."""


def make_app(start: Start, token: str, *, title: str, most: int) -> Starlette:
    """Return the app that shows viewers made by `start`, up to `most` at once, to who knows the `token`.

    The page is the same for all, and holds nothing but the `title`, which is plain text.
    """
    page = (_OWN / "page.html").read_text("utf-8").replace("{title}", html.escape(title))

    async def show_page(_: Request) -> Response:
        return HTMLResponse(page)

    async def answer(_: Request) -> Response:
        """Say that the server is there: the page asks for it before it opens a socket anew."""
        return Response(status_code=204)

    routes: list[BaseRoute] = [
        Route("/", show_page),
        Route("/alive", answer),
        *(_file(f"/{name}", _OWN / name) for name in ("page.css", "page.js")),
        *(_file(f"/{name}", _of_terminal(path)) for name, path in _TERMINAL.items()),
        WebSocketRoute("/viewer", ViewerSockets(start, most).serve),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Gate, token=token)])


def _of_terminal(path: str) -> Path:
    return Path(str(files("textual_serve") / "static" / path))


def _file(address: str, path: Path) -> Route:
    async def send(_: Request) -> Response:
        return FileResponse(path)

    return Route(address, send)
