"""The process that has loaded the program, and forks one after the other as it is asked to."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

from tests.warm.asking import LENGTH, NUMBER, Ask, Kind, be_of
from tests.warm.being import become

__all__ = ["load", "main"]

_PACKAGES = ("cli", "config", "engine", "launch", "prompts", "reports", "runs", "simulator", "ui")
"""Those of the program whose modules are loaded, with all that they load."""
_RUN = (".__main__", ".engine_main")
"""How modules are named that are run: one that was loaded before says so."""
_LOADED = (
    "encodings.idna",
    "encodings.utf_8_sig",
    "llmdash.llms.openai",
    "llmdash.llms.transport.http",
    "markdown_it",
    "textual.drivers.linux_driver",
    "textual.layouts.factory",
    "textual.layouts.horizontal",
    "textual.layouts.stream",
    "textual.pilot",
    "textual.scrollbar",
    "textual.widgets._label",
)
"""What most of its processes load later."""
_OF_WORKERS = (
    "llmdash.cluster.asker",
    "llmdash.cluster.local_main",
    "llmdash.cluster.places",
    "llmdash.cluster.scheduler",
    "llmdash.cluster.worker",
    "llmdash.launch.workers",
)


def main(listener: str, alive: str, address: str, kind: Kind) -> None:
    """Serve at a listening socket for as long as somebody has the other end of `alive`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a terminal's other processes, their user's
    load(*(_OF_WORKERS if kind == "workers" else ()))
    _Server(socket.socket(fileno=int(listener)), int(alive), address).serve()


def load(*more: str) -> None:
    """Load the program, and these modules, so that a process forked from this one has them."""
    gc.disable()
    for name in (*_modules(), *_LOADED, *more):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.enable()
    assert threading.active_count() == 1


def _modules() -> Iterator[str]:
    for name in _PACKAGES:
        package = importlib.import_module(f"llmdash.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(_RUN):
                yield module.name


class _Server:
    def __init__(self, listener: socket.socket, alive: int, address: str) -> None:
        self._listener, self._alive, self._address = listener, alive, address
        self._children: dict[int, socket.socket] = {}
        self._woken, waker = socket.socketpair()
        for end in (self._woken, waker):
            end.setblocking(False)
        self._waker = waker
        signal.set_wakeup_fd(waker.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._listener, self._woken, self._alive):
                selector.register(each, selectors.EVENT_READ)
            while True:
                ready = [key.fd for key, _ in selector.select()]
                if self._woken.fileno() in ready:
                    self._woken.recv(4096)
                    self._reap()
                if self._listener.fileno() in ready:
                    self._fork()
                if self._alive in ready:
                    return

    def _fork(self) -> None:
        line, _ = self._listener.accept()
        try:
            head, files, _, _ = socket.recv_fds(line, LENGTH.size, 64)
            ask = Ask(**json.loads(_all(line, *LENGTH.unpack(head))))
        except (ValueError, OSError) as error:  # nobody asks any more
            print("a process was not asked for to the end:", error, file=sys.stderr)
            line.close()
            return
        pid = os.fork()
        if not pid:
            self._become(ask, files)
        for each in files:
            os.close(each)
        self._children[pid] = line
        _tell(line, pid)

    def _become(self, ask: Ask, files: list[int]) -> NoReturn:
        be_of(self._address)
        signal.set_wakeup_fd(-1)
        become(ask, files)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._children.pop(pid) as line:
                _tell(line, status)


def _tell(line: socket.socket, number: int) -> None:
    with suppress(ConnectionError):  # who asked has ended
        line.sendall(NUMBER.pack(number))


def _all(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = line.recv(size - len(found))
        if not piece:
            raise ValueError(f"{len(found)} bytes of {size}")
        found += piece
    return found
