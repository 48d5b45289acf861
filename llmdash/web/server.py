"""Serves an app on loopback until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

__all__ = ["listen", "serve"]

_LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes of a message of the page, a paste."""
_ENDS_WITHIN_S: Final = 10
"""Seconds that viewers have to end."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Server(uvicorn.Server):
    """A server whose signals are handled by `serve`, so that they end it with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self) -> None:
        """End in order, and at once when asked again."""
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 means a free one. Raises OSError."""
    # With the protocol named, asyncio sets TCP_NODELAY; else keys wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve `app` until SIGINT, SIGTERM or SIGHUP; its viewers have ended then."""
    logging.getLogger("uvicorn.error").disabled = True  # what a stranger sends is no line on this terminal
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        timeout_graceful_shutdown=_ENDS_WITHIN_S,
    )
    with asyncio.Runner() as runner:
        runner.run(_run(_Server(config), listener))


async def _run(server: _Server, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, server.end)
    await server.serve(sockets=[listener])
