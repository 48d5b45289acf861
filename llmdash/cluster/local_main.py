"""The child process of a LocalCluster: a scheduler, and workers that are started again when they end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
from contextlib import suppress

import dask
from distributed import Nanny, Scheduler
from distributed.security import Security

from llmdash.cluster.quiet import silence_dask

__all__ = ["main"]

_LOOPBACK = "127.0.0.1"
_AGAIN_S = 0.5
_CONFIG: dict[str, list[str]] = {
    "distributed.scheduler.http.routes": [],  # anyone on the machine could ask
    "distributed.worker.http.routes": [],
}


def main(workers: int) -> None:
    """Run until standard input is closed.

    Tells in one line where the scheduler is, the certificates, and the folder that is to be removed if this
    process was killed.
    """
    silence_dask()
    scratch = tempfile.mkdtemp(prefix="llmdash-workers-")
    dask.config.set({**_CONFIG, "temporary-directory": scratch})
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    asyncio.run(_run(workers, scratch))


async def _run(workers: int, scratch: str) -> None:
    security = Security.temporary()
    async with Scheduler(
        host=_LOOPBACK, protocol="tls", port=0, dashboard=False, dashboard_address=None, security=security
    ) as scheduler:
        said = {
            "address": scheduler.address,
            "ca": security.tls_ca_file,
            "cert": security.tls_client_cert,
            "key": security.tls_client_key,
            "scratch": scratch,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        keeping = (_keep_worker(number, scheduler.address, security, scratch) for number in range(workers))
        await asyncio.gather(*keeping)


async def _keep_worker(number: int, scheduler: str, security: Security, scratch: str) -> None:
    """Have a worker process with this number, always."""
    while True:
        with suppress(OSError, TimeoutError, RuntimeError):  # it ended before it was there
            async with Nanny(
                scheduler,
                name=number,
                nthreads=1,
                memory_limit=0,
                host=_LOOPBACK,
                protocol="tls",
                security=security,
                dashboard=False,
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            ) as nanny:
                await nanny.finished()
        await asyncio.sleep(_AGAIN_S)


def _end_with_parent(scratch: str) -> None:
    while os.read(0, 4096):
        pass
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)  # the workers see that this process is gone, and end too
