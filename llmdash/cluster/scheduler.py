"""Meets the workers that a Dask scheduler knows, and keeps a line to each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
from distributed.comm.core import CommClosedError, connect
from distributed.core import rpc
from distributed.protocol.pickle import dumps

from llmdash import __version__
from llmdash.cluster.addresses import host_of, is_loopback
from llmdash.cluster.asker import ClusterAsker
from llmdash.cluster.desk_plugin import OPERATION, DaskLine, DeskPlugin
from llmdash.cluster.link import Link, OtherVersion
from llmdash.cluster.names import WorkerNames
from llmdash.cluster.places import Place, Reached
from llmdash.cluster.quiet import reason_of, silence_dask
from llmdash.cluster.worker_record import WorkerRecord

__all__ = ["Scheduler"]

_LOOK_S = 0.5
_AGAIN_S, _LONG_S = 1.0, 10.0
_ANSWERS_WITHIN_S = 3.0
_DEAD = (OSError, TimeoutError, CommClosedError, EOFError)


class Scheduler:
    """The scheduler at a place. While `keep_in_touch` runs, the asker has a line to every worker it knows.

    Without encryption no line goes to another machine, unless `insecure` allows it.
    """

    def __init__(self, asker: ClusterAsker, place: Place, *, insecure: bool) -> None:
        silence_dask()
        self._asker = asker
        self._place = place
        self._insecure = insecure
        self._names = WorkerNames()
        self._lines: dict[str, asyncio.Task[None]] = {}

    async def keep_in_touch(self) -> None:
        """Look for workers until cancelled, whatever becomes of the scheduler meanwhile."""
        try:
            while True:
                try:
                    await self._attend(await self._place.reach())
                except Exception as error:  # noqa: BLE001 - whatever Dask raises: the run waits, and tries again
                    self._asker.problem = f"{self._asker.address} does not answer ({reason_of(error)})"
                await asyncio.sleep(_AGAIN_S)
        finally:
            for task in self._lines.values():
                task.cancel()
            await asyncio.gather(*self._lines.values(), return_exceptions=True)

    async def _attend(self, reached: Reached) -> None:
        """Meet the workers of a scheduler until it does not answer any more."""
        connection = reached.security.get_connection_args("client")
        scheduler = rpc(reached.address, connection_args=connection, timeout=_ANSWERS_WITHIN_S)
        equipped = ""
        try:
            while not self._place.is_gone():
                async with asyncio.timeout(_ANSWERS_WITHIN_S):
                    known = await scheduler.identity(n_workers=-1)
                    if known["id"] != equipped:  # the connection outlives a scheduler that is started again
                        await _equip(scheduler)
                        equipped = known["id"]
                self._meet(known["workers"], connection)
                await asyncio.sleep(_LOOK_S)
        finally:
            with suppress(*_DEAD):
                await scheduler.close_rpc()

    def _meet(self, workers: Mapping[str, Mapping[str, Any]], connection: Mapping[str, Any]) -> None:
        """Open a line to each worker that has none."""
        if not workers:
            self._asker.problem = f"none has joined {self._asker.address} yet"
        self._lines = {at: line for at, line in self._lines.items() if at in workers or not line.done()}
        named = [(self._names.name_of(at, known.get("name")), at) for at, known in workers.items()]
        for name, address in sorted(named, key=lambda worker: (len(worker[0]), worker[0])):
            line = self._lines.get(address)
            if line is not None and not line.done():
                continue
            if address.startswith("tcp://") and not (self._insecure or is_loopback(host_of(address))):
                self._asker.problem = f"{address} is not encrypted; use tls://, or add --allow-insecure"
                continue
            worker = self._asker.record(name, host_of(address))
            self._lines[address] = asyncio.create_task(self._talk(address, worker, connection))

    async def _talk(self, address: str, worker: WorkerRecord, connection: Mapping[str, Any]) -> None:
        """Talk to one worker for as long as it is there."""
        try:
            comm = await connect(address, timeout=_ANSWERS_WITHIN_S, **connection)
            await comm.write({"op": OPERATION, "reply": False})
        except Exception:  # noqa: BLE001 - as above; a worker that is there is met again soon
            await asyncio.sleep(_AGAIN_S)
            return
        worker.joins(host_of(address))
        link = Link(worker, DaskLine(comm), self._asker.changed)
        self._asker.connected(link)
        again_s = _AGAIN_S
        try:
            await link.work()
        except (msgspec.DecodeError, OtherVersion) as error:
            other = f" ({error})" if isinstance(error, OtherVersion) else ""
            self._asker.problem = (
                f"worker {worker.name} has another version of llmdash{other}; install {__version__}"
            )
            again_s = _LONG_S
        finally:
            self._asker.disconnected(link)
        await asyncio.sleep(again_s)


async def _equip(scheduler: Any) -> None:
    """Have every worker that the scheduler knows, or will know, serve runs."""
    plugin = DeskPlugin()
    await scheduler.register_worker_plugin(plugin=dumps(plugin), name=plugin.name, idempotent=True)
