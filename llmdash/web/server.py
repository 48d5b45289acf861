"""Serves an app on loopback until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

__all__ = ["Stop", "listen", "serve"]

Stop = Callable[[], None]
"""Ends the server in order; may be called from any thread."""

_LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes of a message of the page, a paste."""
_ENDS_WITHIN_S: Final = 3
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


def serve(
    app: ASGIApp, listener: socket.socket, on_start: Callable[[Stop], None] = lambda _stop: None
) -> None:
    """Serve `app` until SIGINT, SIGTERM, SIGHUP, or the Stop that `on_start` is given; its sockets have ended
    then, and what was served on them.
    """
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
        runner.run(_run(_Server(config), listener, on_start))


async def _run(server: _Server, listener: socket.socket, on_start: Callable[[Stop], None]) -> None:
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():  # signals arrive in no other
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, server.end)

    def stop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(server.end)

    on_start(stop)
    await server.serve(sockets=[listener])
