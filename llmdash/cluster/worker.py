"""One worker process of a cluster: a stock Dask worker that is started again when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress

import dask
from distributed import Nanny
from distributed.comm.core import CommClosedError
from distributed.core import rpc

from llmdash.cluster.addresses import TlsFiles, host_of, is_loopback
from llmdash.cluster.desk_plugin import GRACE_S, LEAVE
from llmdash.cluster.places import security_of
from llmdash.cluster.quiet import reason_of, silence_dask

__all__ = ["run_worker"]

_AGAIN_S = 2.0
_CONFIG: dict[str, list[str]] = {"distributed.worker.http.routes": []}  # anyone on the network could ask


def run_worker(address: str, name: str | None, tls: TlsFiles | None) -> None:
    """Work for the scheduler at `address` until a signal, through every loss of it.

    The first SIGINT or SIGTERM lets requests in flight end, at most GRACE_S; another one does not.
    """
    silence_dask()
    dask.config.set(_CONFIG)
    called = name or f"{socket.gethostname()}-{os.getpid()}"
    asyncio.run(_Worker(address, called, tls).work())


class _Worker:
    def __init__(self, address: str, name: str, tls: TlsFiles | None) -> None:
        self._address = address
        self._name = name
        self._security = security_of(tls)
        self._is_asked_to_end = asyncio.Event()
        self._said = ""

    async def work(self) -> None:
        """Join the scheduler again and again, until asked to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        while not self._is_asked_to_end.is_set():
            with tempfile.TemporaryDirectory(prefix="llmdash-worker-") as scratch:
                try:
                    await self._join(scratch)
                except (OSError, TimeoutError, RuntimeError) as error:
                    self._say(f"{self._address} does not answer ({reason_of(error)}); it is tried again")
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._is_asked_to_end.wait()

    def _end(self) -> None:
        if self._is_asked_to_end.is_set():
            os._exit(1)  # the worker sees that this process is gone, and ends too
        self._is_asked_to_end.set()

    async def _join(self, scratch: str) -> None:
        """Work until the scheduler is gone, or a signal comes."""
        async with Nanny(
            self._address,
            name=self._name,
            nthreads=1,
            memory_limit=0,
            security=self._security,
            host="127.0.0.1" if is_loopback(host_of(self._address)) else None,
            protocol=self._address.partition("://")[0],
            dashboard=False,
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as nanny:
            self._say(f"{self._name} works for {self._address}")
            gone = asyncio.ensure_future(nanny.finished())
            asked = asyncio.create_task(self._is_asked_to_end.wait())
            await asyncio.wait((gone, asked), return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                self._say("waiting for the requests in flight; Ctrl-C gives them up")
                await self._leave(nanny.worker_address)
            for task in (gone, asked):
                task.cancel()

    async def _leave(self, worker: str | None) -> None:
        """Have the worker take nothing new, and wait for its requests."""
        connection = self._security.get_connection_args("worker")
        with suppress(OSError, TimeoutError, CommClosedError):
            async with asyncio.timeout(GRACE_S + 1), rpc(worker, connection_args=connection) as asked:
                await getattr(asked, LEAVE)()

    def _say(self, line: str) -> None:
        """Tell what has changed, once."""
        if line != self._said:
            self._said = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
