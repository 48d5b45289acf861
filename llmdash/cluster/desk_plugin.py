"""DeskPlugin: lets any Dask worker serve the runs that connect to it."""

from __future__ import annotations

import socket
from typing import Any

from distributed import Worker, WorkerPlugin
from distributed.comm.core import Comm, CommClosedError
from distributed.core import Status

from llmdash import __version__
from llmdash.cluster.desk import Desk
from llmdash.cluster.keyring import Keyring, values_here
from llmdash.cluster.line import LineClosed

__all__ = ["OPERATION", "DaskLine", "DeskPlugin"]

OPERATION = "llmdash-desk"
"""The name under which workers take the lines of runs."""


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

    It holds nothing: what the scheduler keeps of it is its name.
    """

    name = f"{OPERATION}-{__version__}"
    idempotent = True

    def setup(self, worker: Worker) -> None:
        worker.handlers[OPERATION] = _serve

    def teardown(self, worker: Worker) -> None:
        worker.handlers.pop(OPERATION, None)


async def _serve(comm: Comm) -> Any:
    await Desk(DaskLine(comm), Keyring(values_here()), __version__, socket.gethostname()).serve()
    return Status.dont_reply
