"""All processes that a test starts, and those that these start: found by a mark in their environment."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import first

__all__ = ["Family", "Process"]


@dataclass(frozen=True)
class Process:
    """A process as /proc shows it."""

    pid: int
    command: str

    def read(self, name: str) -> bytes:
        """A file of /proc/PID; empty if the process has ended."""
        try:
            return Path(f"/proc/{self.pid}/{name}").read_bytes()
        except OSError:
            return b""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def memory(self) -> Iterable[bytes]:
        """What can be read of its memory, a mapping at a time."""
        with Path(f"/proc/{self.pid}/mem").open("rb", 0) as memory:
            for line in self.read("maps").decode().splitlines():
                span, access, *_ = line.split()
                first, last = (int(end, 16) for end in span.split("-"))
                if access.startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    with suppress(OSError, OverflowError, ValueError):
                        memory.seek(first)
                        yield memory.read(last - first)

    def listens_on(self) -> set[str]:
        """The addresses of its listening TCP sockets, as /proc/net has them."""
        inodes = set()
        with suppress(OSError):
            for entry in Path(f"/proc/{self.pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(entry.readlink()).removeprefix("socket:[").rstrip("]"))
        found = set()
        for table in ("tcp", "tcp6"):
            for line in self.read(f"net/{table}").decode().splitlines()[1:]:
                _, local, _, state, *others = line.split()
                if state == _LISTEN and others[5] in inodes:
                    found.add(local.partition(":")[0])
        return found


_LISTEN = "0A"


class Family:
    """The processes that were started with `env`, and all that they started."""

    def __init__(self) -> None:
        self.env = {"FAMILY": secrets.token_hex(8)}
        self._mark = f"FAMILY={self.env['FAMILY']}".encode()

    def processes(self) -> list[Process]:
        """Those that are there now."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                process = Process(int(folder.name), "")
                if self._mark in process.read("environ").split(b"\0"):
                    command = process.read("cmdline").replace(b"\0", b" ").decode(errors="replace")
                    found.append(Process(process.pid, command))
        return found

    def named(self, *parts: str) -> list[Process]:
        """Those whose command line has all the parts in it."""
        return [process for process in self.processes() if all(part in process.command for part in parts)]

    def workers(self) -> list[Process]:
        """The processes that make the requests."""
        return self.named("multiprocessing", "spawn_main")

    def end(self) -> None:
        """Kill whatever is left."""
        first(self._killed, lambda left: not left, "their end")

    def _killed(self) -> list[Process]:
        left = self.processes()
        for process in left:
            process.send(signal.SIGKILL)
        return left
