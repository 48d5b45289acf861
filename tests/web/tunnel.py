"""A way to a server by another port, as `ssh -L` makes one, whose connections can be dropped."""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Tunnel", "tunnel"]


class Tunnel:
    """Leads from `port` to another port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        tunnel = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                tunnel.relay(self.request)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])

    def relay(self, near: socket.socket) -> None:
        """Copy both ways until one has ended."""
        with (
            socket.create_connection(("127.0.0.1", self._target)) as far,
            selectors.DefaultSelector() as ready,
        ):
            self._open += [near, far]
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            with suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        assert isinstance(key.fileobj, socket.socket)
                        if not (data := key.fileobj.recv(65_536)):
                            return
                        key.data.sendall(data)

    def drop(self) -> None:
        """Cut all connections that are open now."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()


@contextmanager
def tunnel(target: int) -> Iterator[Tunnel]:
    """A tunnel to the port `target`."""
    tunnel = Tunnel(target)
    thread = threading.Thread(target=tunnel.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield tunnel
    finally:
        tunnel.server.shutdown()
        tunnel.drop()
        tunnel.server.server_close()
        thread.join()
