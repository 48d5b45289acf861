"""One worker process of a cluster: a stock Dask worker that is started again when it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import dask
from distributed import Nanny

from llmdash.cluster.addresses import TlsFiles, host_of, is_loopback
from llmdash.cluster.places import security_of
from llmdash.cluster.quiet import silence_dask

__all__ = ["run_worker"]

_AGAIN_S = 2.0
_CONFIG: dict[str, object] = {
    "distributed.worker.http.routes": [],  # anyone on the network could ask
    "logging": {"distributed": "critical"},
}


def run_worker(address: str, name: str | None, tls: TlsFiles | None) -> None:
    """Work for the scheduler at `address` until interrupted, through every loss of it."""
    silence_dask()
    dask.config.set(_CONFIG)
    called = name or f"{socket.gethostname()}-{os.getpid()}"
    asyncio.run(_work(address, called, tls))


async def _work(address: str, name: str, tls: TlsFiles | None) -> None:
    said = ""
    while True:
        try:
            async with Nanny(
                address,
                name=name,
                nthreads=1,
                memory_limit=0,
                security=security_of(tls),
                host="127.0.0.1" if is_loopback(host_of(address)) else None,
                protocol=address.partition("://")[0],
                dashboard=False,
            ) as nanny:
                said = _say(f"{name} works for {address}", said)
                await nanny.finished()
        except (OSError, TimeoutError, RuntimeError) as error:
            said = _say(f"{address} does not answer ({type(error).__name__}); it is tried again", said)
        await asyncio.sleep(_AGAIN_S)


def _say(line: str, before: str) -> str:
    """Tell what has changed, once."""
    if line != before:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return line
