"""`llmdash web` as a process, and the viewers behind its pages."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyte

from llmdash.launch.web_viewer import VIEWER
from tests.cli.command import start
from tests.cli.processes import Process
from tests.waiting import first, wait_for
from tests.web.programs import Socket, opened

__all__ = ["Served", "Viewer", "served"]

_COLUMNS, _ROWS = 120, 36


class Viewer:
    """A page without a browser. `screen` is what a person would see in it."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self._screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def screen(self) -> str:
        return "\n".join(self._screen.display)

    def keys(self, text: str) -> None:
        """Type `text`."""
        self.socket.send("stdin", text)

    def wait_for(self, condition: str | Callable[[str], bool]) -> None:
        """Read until the screen holds a text, or a condition on it holds; fails if it never does."""
        holds = (lambda screen: condition in screen) if isinstance(condition, str) else condition

        def shown() -> bool:
            if holds(self.screen):
                return True
            piece = self.socket.receive()
            assert isinstance(piece, bytes)
            self._stream.feed(piece)
            return holds(self.screen)

        wait_for(shown, f"{condition}; the screen:\n{self.screen}")


class Served:
    """A server that runs. `address` is what it has printed first."""

    def __init__(self, process: subprocess.Popen[str], home: str) -> None:
        self.process = process
        self._home = f"HOME={home}".encode()
        assert process.stdout is not None
        self.address = process.stdout.readline().strip()
        assert self.address, process.communicate()
        parts = urlsplit(self.address)
        self.token = parts.fragment
        assert parts.port is not None
        self.port = parts.port

    def processes(self) -> list[Process]:
        """The processes of its viewers, and of any other server's of the same user."""
        found = (Process(int(each.name), "") for each in Path("/proc").iterdir() if each.name.isdigit())
        return [
            process
            for process in found
            if VIEWER.encode() in process.read("cmdline").split(b"\0")
            and self._home in process.read("environ").split(b"\0")
        ]

    def wait_for_no_viewer(self) -> None:
        """Wait until none is left."""
        first(self.processes, lambda left: not left, "the end of the viewers")

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """A page that is open."""
        with opened(self.port, f"?width={_COLUMNS}&height={_ROWS}", token=self.token) as socket:
            yield Viewer(socket)


@contextmanager
def served(*arguments: object, cwd: Path, env: dict[str, str]) -> Iterator[Served]:
    """`llmdash web` with `arguments`; it is killed at the end of the `with` if it still runs."""
    with start("web", *arguments, cwd=cwd, env=env) as process:
        yield Served(process, env["HOME"])
