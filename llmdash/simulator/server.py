"""Serves the simulator on loopback until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmdash.simulator.app import make_app
from llmdash.simulator.connection import WIRE
from llmdash.simulator.settings import SimulatorSettings

__all__ = ["Stop", "serve"]

Stop = Callable[[], None]
"""Ends the server; may be called from any thread, and more than once."""

_DATE_S = 1.0
_log = logging.getLogger("uvicorn.error")


class _Wire:
    """The transport of a request; `taken` is True once something was written past the server."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.taken = False

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        self.taken = True
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()


class _WiredProtocol(H11Protocol):
    """The server's HTTP, whose requests can reach the transport that they came on."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._inner = self.app
        self.app = self._wired

    async def _wired(self, scope: Any, receive: Any, send: Any) -> None:
        wire = _Wire(self.transport)
        scope["extensions"] = {WIRE: wire}
        await self._inner(scope, receive, send)
        if wire.taken or wire.closing:
            # The server knows of no whole response: it would complain, or send one of its own.
            while (await receive())["type"] != "http.disconnect":
                pass


class _Server(uvicorn.Server):
    """A server whose signals are handled by `serve`, so that SIGTERM ends it with status 0."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ends = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Renew the date once a second until the end: uvicorn's own looks for that ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DATE_S):
                    await self._ends.wait()

    def end(self) -> None:
        self._ends.set()
        # Requests in progress are cut off on purpose; a traceback for each would be noise.
        _log.disabled = True
        self.should_exit = True
        self.force_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; else answers wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


async def _run(server: _Server, listener: socket.socket, on_start: Callable[[Stop], None] | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Fails outside the main thread, where signals do not arrive; there the Stop of `on_start` ends it.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, server.end)
    if on_start is not None:

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(server.end)

        on_start(stop)
    await server.serve(sockets=[listener])


def serve(
    settings: SimulatorSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] = lambda _base_url: None,
    on_start: Callable[[Stop], None] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or the Stop that `on_start` is given; returns then.

    `ready` gets the base URL (`http://127.0.0.1:PORT/v1`) once connections are accepted. Port 0 means a free
    one. Raises OSError if the address is not available.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        make_app(settings),
        http=_WiredProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    # From here the kernel accepts connections; they are served as soon as the loop runs.
    ready(_base_url(listener))
    with listener, asyncio.Runner() as runner:
        runner.run(_run(server, listener, on_start))
