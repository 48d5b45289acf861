"""A small program on the terminal behind a page, and apps that show it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from llmdash.web.app import make_app
from llmdash.web.pty_program import PtyProgram
from llmdash.web.server import Stop, listen, serve
from tests.waiting import PATIENCE_S

__all__ = ["TOKEN", "Socket", "app_of", "opened", "pid_in", "serving"]

TOKEN = "a-token-of-the-test"
_CLOSES_WITHIN_S = 1.0
"""How long an end waits for a word of the server, where that has much to say still."""
_PROGRAM = """
import fcntl, os, signal, sys, termios, time, tty
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
tty.setraw(0)

def say(text):
    os.write(1, f"<{text}>".encode())

def size(*_):
    say("size %dx%d" % os.get_terminal_size(0))

signal.signal(signal.SIGWINCH, size)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
say(f"pid {os.getpid()}")
say("variables " + ",".join(sorted(os.environ)))
size()
while True:
    try:
        typed = os.read(0, 65536)
    except OSError:
        typed = b""
    if not typed and "stubborn" in sys.argv:
        time.sleep(3600)
    if typed in (b"", b"q"):
        break
    if typed == b"flood":
        while True:
            os.write(1, b"." * 4096)
    say("typed " + ascii(typed.decode()))
say("bye")
"""


def app_of(*arguments: str, most: int = 2, title: str = "a run", leaves_within_s: float = 60.0) -> Starlette:
    """An app whose viewers run the program."""
    environment = {name: os.environ[name] for name in ("PATH",) if name in os.environ}

    async def start(size: tuple[int, int]) -> PtyProgram:
        command = (sys.executable, "-c", _PROGRAM, *arguments)
        return await PtyProgram.start(command, environment, size, leaves_within_s)

    return make_app(start, TOKEN, title=title, most=most)


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """A server of `app` on this machine; gives its port, and ends it with the viewers that it has."""
    stops: Queue[Stop] = Queue()
    with listen(0) as listener:
        thread = threading.Thread(target=serve, args=(app, listener, stops.put))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stops.get(timeout=PATIENCE_S)()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


class Socket:
    """A socket to a viewer, as the page has it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._socket = connection
        self.subprotocol = connection.subprotocol

    def send(self, *message: object) -> None:
        """Send a message of the page."""
        self._socket.send(json.dumps(message))

    def send_raw(self, message: str | bytes) -> None:
        """Send what no page sends."""
        self._socket.send(message)

    def receive(self) -> str | bytes:
        """The next message, bytes of the terminal or a text; waits for it."""
        return self._socket.recv(PATIENCE_S)

    def read_until(self, text: str) -> str:
        """What the program writes until it has written `text`."""
        seen = ""
        while text not in seen:
            piece = self.receive()
            assert isinstance(piece, bytes)
            seen += piece.decode("utf-8", "replace")
        return seen

    def end(self) -> tuple[int, str]:
        """The code and reason of its end, once that comes."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@contextmanager
def opened(port: int, size: str = "?width=100&height=30", *, token: str = TOKEN) -> Iterator[Socket]:
    """A socket that the page at `port` opens, by somebody who knows the `token`."""
    host = f"127.0.0.1:{port}"
    with connect(
        f"ws://{host}/viewer{size}",
        origin=Origin(f"http://{host}"),
        subprotocols=[Subprotocol("llmdash"), Subprotocol(token)],
        open_timeout=PATIENCE_S,
        close_timeout=_CLOSES_WITHIN_S,
        max_size=None,
    ) as connection:
        yield Socket(connection)


def pid_in(text: str) -> int:
    """The process that has written `text`."""
    return int(text.partition("<pid ")[2].partition(">")[0])
