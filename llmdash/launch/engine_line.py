"""The line between the process of an engine and the one that started it, and what is said on it.

It is a socket that only these two have, so keys may pass; a Secret passes nowhere else.
"""

from __future__ import annotations

import io
import pickle
import socket
import struct
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llmdash.lean_dataclass import dataclass
from llmdash.secrets import Secret

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.engine.model.frame import RunPart
    from llmdash.launch.run_order import RunOrder
    from llmdash.reports.errors import ErrorKind

__all__ = ["EngineLine", "EngineOrder", "Environment", "RunEnded", "RunExported", "RunReady", "RunRefused"]

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of the process that starts an engine: the first message to it."""

    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """What an engine is to run, and the settings that were loaded and trusted for it."""

    order: RunOrder
    settings: Settings


@dataclass(frozen=True, slots=True)
class RunReady:
    """The engine of the run in `folder` holds its lock and listens; nothing was sent yet.

    `out` is where the results go. `paid` is False if the answers cost nothing.
    """

    pid: int
    folder: Path
    out: Path | None
    paid: bool


@dataclass(frozen=True, slots=True)
class RunRefused:
    """Why something was not done, for the user, and the exit code of that."""

    text: str
    code: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run has ended, with an exit code and its last figures; `report` is that of a crash."""

    code: int
    run: RunPart | None
    report: str = ""
    errors: tuple[ErrorKind, ...] = ()
    """Why jobs failed."""
    held_up: str = ""
    """What held the others up, where the run ended before them."""


@dataclass(frozen=True, slots=True)
class RunExported:
    """The results are written, or not for a reason that the user can fix."""

    refused: RunRefused | None = None


class EngineLine:
    """One end of the line; messages arrive whole and in order."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._file = end.makefile("rb")

    def fileno(self) -> int:
        """Return the descriptor, to wait for a message on."""
        return self._end.fileno()

    def is_open(self) -> bool:
        """Return False once the other end was closed and all that it has sent was received."""
        try:
            return bool(self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False

    def send(self, message: object) -> bool:
        """Send a message. Return False if nobody is at the other end."""
        packed = io.BytesIO()
        _Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(message)
        data = packed.getvalue()
        try:
            self._end.sendall(_LENGTH.pack(len(data)) + data)
        except OSError:
            return False
        return True

    def receive(self) -> Any:
        """Wait for a message and return it; None if the other end was closed."""
        try:
            head = self._file.read(_LENGTH.size)
            size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
            data = self._file.read(size)
        except OSError:
            return None
        if not data or len(data) < size:
            return None
        return pickle.loads(data)  # noqa: S301 - from the process that shares this socket

    def close(self) -> None:
        """Hang up; may be called again."""
        self._file.close()
        self._end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Pickler(pickle.Pickler):
    """Packs secrets too, which no other pickler does."""

    def reducer_override(self, packed: Any) -> Any:
        return (Secret, (packed.reveal(),)) if type(packed) is Secret else NotImplemented
