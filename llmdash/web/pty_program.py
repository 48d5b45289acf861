"""PtyProgram: a program on a terminal of its own, read and typed into by an event loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

__all__ = ["PtyProgram"]

_MOST = (800, 300)
"""Columns and rows at most."""
_PIECE: Final = 64 * 1024
_LEAVES_WITHIN_S: Final = 2.0
_ROOM_S: Final = 0.01
"""Seconds between two tries to type into a program that does not read."""


class PtyProgram:
    """A program whose standard streams are a terminal of its own, in a session of its own.

    The terminal is the program's only hold on this process: once that has ended, however it does, the kernel
    hangs the terminal up, and the program gets SIGHUP if it has made it its controlling terminal. Where it is
    closed the program has `leaves_within_s` seconds to end.
    """

    def __init__(
        self,
        fd: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        pipe: asyncio.ReadTransport,
        leaves_within_s: float,
    ) -> None:
        self._fd = fd
        self._process = process
        self._reader = reader
        self._pipe = pipe
        self._leaves_within_s = leaves_within_s

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int],
        leaves_within_s: float = _LEAVES_WITHIN_S,
    ) -> Self:
        """Start `command` with these variables and no others, on `size` columns and rows. Raises OSError."""
        fd, inner = pty.openpty()
        try:
            _set_size(fd, *size)
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
            )
        except BaseException:  # a start that is cancelled, too, must leave no terminal open
            os.close(fd)
            raise
        finally:
            os.close(inner)
        reader = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(fd), "rb", 0)
        )
        os.set_blocking(fd, False)
        return cls(fd, process, reader, pipe, leaves_within_s)

    async def read(self) -> bytes:
        """Wait for the next that the program has written; nothing once its terminal is closed.

        What is not read waits, and the program with it.
        """
        try:
            return await self._reader.read(_PIECE)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Type `data`; waits while the program does not read. For one that has ended it is lost."""
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await asyncio.sleep(_ROOM_S)
            except OSError:
                return

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of the terminal, from 1 x 1 to 800 x 300; the program gets SIGWINCH."""
        with suppress(OSError):
            _set_size(self._fd, columns, rows)

    async def close(self) -> None:
        """Hang up the terminal, and wait for the end of the program; one that stays is killed."""
        self._pipe.close()
        os.close(self._fd)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._leaves_within_s):
                    await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


def _set_size(fd: int, columns: int, rows: int) -> None:
    columns, rows = (max(1, min(most, given)) for most, given in zip(_MOST, (columns, rows), strict=True))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
