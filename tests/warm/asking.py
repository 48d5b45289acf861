"""Asks the server of warm processes for one; starts the server when it is asked for the first."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["LENGTH", "NUMBER", "Ask", "Asked", "Kind", "be_of", "is_open", "server_pids"]

LENGTH, NUMBER = struct.Struct("=I"), struct.Struct("=i")
"""What goes over a connection: the length of what is asked, and that; a process id; at last its status."""
Kind = Literal["usual", "workers"]
"""What a server has loaded: what most processes load, or what speaks with workers as well."""
_ROOM = 65_536
"""Bytes for a command line and an environment in the server, which a process writes its own over."""
_ROOT = Path(__file__).resolve().parent.parent.parent
_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tests.warm import server; server.main(*sys.argv[2:6])"
)


@dataclass(frozen=True)
class Ask:
    """A process that is asked for. `descriptors` are the numbers that its open files have in it."""

    arguments: list[str]
    environment: dict[str, str]
    descriptors: list[int]
    is_session: bool
    controls: bool
    closed: list[int]
    ignored: list[int]


class Asked:
    """A process that was asked for; `files` are those of its descriptors. Its parent is the server."""

    def __init__(self, kind: Kind, ask: Ask, files: list[int]) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(_server(kind).address)
            told = json.dumps(asdict(ask)).encode()
            socket.send_fds(line, [LENGTH.pack(len(told))], files)
            line.sendall(told)
            (self.pid,) = NUMBER.unpack(_read(line.fileno(), NUMBER.size))
            self._line: int | None = line.detach()

    @staticmethod
    def is_of_this_session(kind: Kind) -> bool:
        """True if a process is in the session of the one that asks."""
        return os.getsid(0) == os.getsid(_server(kind).pid)

    def status(self, *, waits: bool) -> int | None:
        """As os.waitpid gives it; None if it has not ended."""
        if self._line is None or not (waits or _has_said(self._line)):
            return None
        said = _read(self._line, NUMBER.size)
        self.close()
        return int(NUMBER.unpack(said)[0]) if said else signal.SIGKILL

    def close(self) -> None:
        """Ask no more."""
        if self._line is not None:
            os.close(self._line)
            self._line = None

    def __del__(self) -> None:
        if hasattr(self, "_line"):
            self.close()


@dataclass(frozen=True)
class _Server:
    pid: int
    address: str
    held: tuple[Any, ...] = ()
    """What ends the server once nobody has it."""


_known: dict[Kind, _Server] = {}


def be_of(address: str) -> None:
    """Ask the server there, which this process was forked from, whatever is asked for."""
    _known["usual"] = _known["workers"] = _Server(os.getppid(), address)


def server_pids() -> list[int]:
    """The processes of the servers that there are."""
    return [server.pid for server in _known.values()]


def _server(kind: Kind) -> _Server:
    if kind not in _known:
        _known[kind] = _started(kind)
    return _known[kind]


def _started(kind: Kind) -> _Server:
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    atexit.register(folder.cleanup)
    address = f"{folder.name}/asked"
    alive, held = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        numbers = (listener.fileno(), alive)
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, str(_ROOT), *map(str, numbers), address, kind, " " * _ROOM],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "ROOM": " " * _ROOM},
            pass_fds=numbers,
        )
    os.close(alive)
    return _Server(process.pid, address, (folder, held, process))


def _read(descriptor: int, size: int) -> bytes:
    """So many bytes; none if there is nobody who sends them."""
    found = b""
    while len(found) < size and (piece := os.read(descriptor, size - len(found))):
        found += piece
    return found if len(found) == size else b""


def _has_said(descriptor: int) -> bool:
    looked_at = select.poll()  # whatever the number, which select() has to be small
    looked_at.register(descriptor, select.POLLIN)
    return bool(looked_at.poll(0))


def is_open(descriptor: int) -> bool:
    """True if this process has a file at that number."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
