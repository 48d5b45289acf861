"""ViewerSockets: a viewer for each socket, up to a number of them; both end together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from llmdash.web.gate import SUBPROTOCOL
from llmdash.web.pty_program import PtyProgram

__all__ = ["ENDED", "FULL", "UNREADABLE", "Start", "ViewerSockets"]

Start = Callable[[tuple[int, int]], Awaitable[PtyProgram]]
"""Starts a viewer on (columns, rows). Raises OSError."""

ENDED: Final = 1000
"""The code of a socket whose program has ended."""
UNREADABLE: Final = 1008
"""The code of one that was sent what cannot be read."""
FULL: Final = 4000
"""The code of one for which there is no viewer; its reason says why."""
_USUAL_SIZE: Final = (80, 24)


class _UnreadableError(Exception):
    """A message is none of those that a page sends."""


class ViewerSockets:
    """Serves sockets, each with a viewer that `start` makes, up to `most` at once. A page waits until the
    viewer of one that has gone ends: it may be the same, loaded again.

    To the page go bytes, for its terminal, and texts `["pong", TIME]`. It sends texts: `["stdin", KEYS]`,
    `["resize", {"width": COLUMNS, "height": ROWS}]`, `["ping", TIME]`, `["focus"]` and `["blur"]`, as
    textual-serve's page does: https://github.com/Textualize/textual-serve/blob/main/src/textual_serve/server.py
    """

    def __init__(self, start: Start, most: int) -> None:
        self._start = start
        self._most = most
        self._pages = 0
        self._places = asyncio.Semaphore(most)

    async def serve(self, socket: WebSocket) -> None:
        """Serve a socket to its end, and end its viewer with it."""
        await socket.accept(SUBPROTOCOL)
        if self._pages >= self._most:
            limit = f"as many viewers are open as --viewers allows ({self._most}); close one of them"
            await socket.close(FULL, limit)
            return
        async with AsyncExitStack() as place:
            with self._page():
                await place.enter_async_context(self._places)
                await self._show(socket, place)

    @contextmanager
    def _page(self) -> Iterator[None]:
        """Count a page for as long as it is there."""
        self._pages += 1
        try:
            yield
        finally:
            self._pages -= 1

    async def _show(self, socket: WebSocket, place: AsyncExitStack) -> None:
        """Show a viewer, which ends before it leaves its place."""
        try:
            viewer = await self._start(_size(socket))
        except OSError as error:
            await socket.close(FULL, f"no viewer can be started: {error.strerror}")
            return
        place.push_async_callback(viewer.close)
        try:
            await _first_to_end(_draw(viewer, socket), _type(viewer, socket))
        except _UnreadableError:
            await socket.close(UNREADABLE, "this is no message of the page")
        except WebSocketDisconnect:
            pass
        else:
            with suppress(WebSocketDisconnect, RuntimeError):  # it was closed meanwhile
                await socket.close(ENDED)


def _size(socket: WebSocket) -> tuple[int, int]:
    try:
        return int(socket.query_params["width"]), int(socket.query_params["height"])
    except (KeyError, ValueError):
        return _USUAL_SIZE


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Work at all of it until one has ended, and raise what that has raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in ended:
        task.result()


async def _draw(viewer: PtyProgram, socket: WebSocket) -> None:
    """Send what the program draws, no faster than the page reads."""
    while data := await viewer.read():
        await socket.send_bytes(data)


async def _type(viewer: PtyProgram, socket: WebSocket) -> None:
    """Do what the page asks for. Raises _UnreadableError, and WebSocketDisconnect at its end."""
    while True:
        match await _message(socket):
            case ["stdin", str(keys)]:
                await viewer.write(keys.encode("utf-8", "replace"))
            case ["resize", {"width": int(columns), "height": int(rows)}]:
                viewer.resize(columns, rows)
            case ["ping", str(sent_at)]:
                await socket.send_json(["pong", sent_at])
            case ["focus"] | ["blur"]:  # a program that wants to know asks the terminal
                pass
            case _:
                raise _UnreadableError


async def _message(socket: WebSocket) -> Any:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", ENDED))
    try:
        return json.loads(message.get("text") or "")
    except (ValueError, RecursionError):
        raise _UnreadableError from None
