"""DeskPlugin: lets any Dask worker serve the runs that connect to it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from distributed import Worker, WorkerPlugin
from distributed.comm.core import Comm, CommClosedError
from distributed.core import Status

from llmdash import __version__
from llmdash.cluster.desk import Desk
from llmdash.cluster.keyring import Keyring, values_here
from llmdash.cluster.line import LineClosed

__all__ = ["GRACE_S", "LEAVE", "OPERATION", "DaskLine", "DeskPlugin"]

OPERATION = "llmdash-desk"
"""The name under which workers take the lines of runs."""
LEAVE = "llmdash-leave"
"""The name under which they are told that they will end."""
GRACE_S = 25.0
"""How long a worker that ends waits for its requests; what ends machines often waits 30 seconds."""


class DaskLine:
    """A Line over a connection of Dask's."""

    def __init__(self, comm: Comm) -> None:
        self._comm = comm

    async def read(self) -> bytes:
        try:
            message = await self._comm.read()
        except (CommClosedError, OSError, EOFError):
            raise LineClosed from None
        if not isinstance(message, bytes):
            raise LineClosed
        return message

    async def write(self, message: bytes) -> None:
        try:
            await self._comm.write(message)
        except (CommClosedError, OSError):
            raise LineClosed from None

    def abort(self) -> None:
        self._comm.abort()


class DeskPlugin(WorkerPlugin):
    """Serves a Desk on each line that a run opens. The scheduler gives it to every worker that joins.

    It holds nothing of a run: what the scheduler keeps of it is its name. A worker that ends in an orderly
    way takes nothing new first, and waits for the requests in flight, at most GRACE_S.
    """

    name = f"{OPERATION}-{__version__}"
    idempotent = True

    def setup(self, worker: Worker) -> None:
        self._desks: set[Desk] = set()
        worker.handlers[OPERATION] = self._serve
        worker.handlers[LEAVE] = self._leave

    async def teardown(self, worker: Worker) -> None:
        await self._leave()
        for operation in (OPERATION, LEAVE):
            worker.handlers.pop(operation, None)

    async def _serve(self, comm: Comm) -> Status:
        desk = Desk(DaskLine(comm), Keyring(values_here()), __version__, socket.gethostname())
        self._desks.add(desk)
        try:
            await desk.serve()
        finally:
            self._desks.discard(desk)
        return Status.dont_reply

    async def _leave(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await asyncio.gather(*(desk.leave() for desk in self._desks))
