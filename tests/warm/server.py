"""The process that has loaded the program, and forks one after the other as it is asked to."""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from tests.warm.asking import LENGTH, NUMBER, Ask, be_of
from tests.warm.being import become

__all__ = ["main"]

_LOADED = (
    "llmdash.cli",
    "llmdash.engine.session",
    "llmdash.launch.attaching",
    "llmdash.launch.compare",
    "llmdash.launch.compared_runs",
    "llmdash.launch.dashboard",
    "llmdash.launch.doctor",
    "llmdash.launch.engine_service",
    "llmdash.launch.headless",
    "llmdash.launch.plan_builder",
    "llmdash.launch.preparing",
    "llmdash.launch.refusals",
    "llmdash.launch.run_folders",
    "llmdash.llms.openai",
    "llmdash.llms.transport.http",
    "llmdash.runs.details",
    "llmdash.simulator.server",
    "llmdash.ui.app",
)
"""What most processes of the program load."""


def main(listener: str, alive: str, address: str) -> None:
    """Serve at a listening socket for as long as somebody has the other end of `alive`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a terminal's other processes, their user's
    gc.disable()
    for name in _LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.enable()
    assert threading.active_count() == 1
    _Server(socket.socket(fileno=int(listener)), int(alive), address).serve()


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
        line.sendall(NUMBER.pack(pid))

    def _become(self, ask: Ask, files: list[int]) -> NoReturn:
        be_of(self._address)
        signal.set_wakeup_fd(-1)
        become(ask, files)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._children.pop(pid) as line, suppress(BrokenPipeError):  # nobody wants to know
                line.sendall(NUMBER.pack(status))


def _all(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = line.recv(size - len(found))
        if not piece:
            raise ValueError(f"{len(found)} bytes of {size}")
        found += piece
    return found
