"""One limit for the runs of many machines: the scheduler of their workers keeps the leases, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from distributed import Scheduler, SchedulerPlugin
from distributed.comm.core import CommClosedError
from distributed.core import rpc
from distributed.protocol.pickle import dumps

from llmdash.cluster.places import Place
from llmdash.engine.dispatch.leases import Claim, LeaseError, Share
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.sanitize import storable
from llmdash.shared_limits.table import KEPT_S, LeaseRow, granted, is_live, released

__all__ = ["ClusterLeases", "LimitsPlugin"]

_ANSWERS_WITHIN_S = 1.0
_REASON = 160
"""Characters of what a scheduler says of itself."""
_DEAD = (OSError, TimeoutError, CommClosedError, EOFError)


class LimitsPlugin(SchedulerPlugin):
    """Keeps the leases of all runs that use this scheduler, and answers their claims.

    It knows names of limits and runs, and numbers. One that was just begun, as after a restart, gives nobody
    more than is held already until every run that still lives was heard of.
    """

    name = "llmdash-limits"
    idempotent = True

    def __init__(self, clock: Callable[[], float] = wakeful_clock) -> None:
        self._clock = clock

    async def start(self, scheduler: Scheduler) -> None:
        self._rows: dict[tuple[str, str], LeaseRow] = {}
        self._quiet_until = self._clock() + KEPT_S
        scheduler.handlers["llmdash_limit_share"] = self._share
        scheduler.handlers["llmdash_limit_release"] = self._release
        scheduler.handlers["llmdash_limit_rows"] = self._live

    def _share(self, claim: bytes) -> bytes:
        asked, now = _claim(claim), self._clock()
        self._rows = {key: row for key, row in self._rows.items() if is_live(row, now)}
        rows = [row for row in self._rows.values() if row.limit.name == asked.limit.name]
        row, share = granted(rows, asked, now, self._quiet_until)
        self._keep(row)
        return _encode(share)

    def _release(self, claim: bytes) -> None:
        self._keep(released(_claim(claim), self._clock()))

    def _live(self) -> bytes:
        now = self._clock()
        return _encode([row for row in self._rows.values() if is_live(row, now)])

    def _keep(self, row: LeaseRow) -> None:
        self._rows[row.limit.name, row.sharer.run] = row


class ClusterLeases:
    """The leases that the scheduler at a place keeps. It has `answers_within_s` seconds for each answer."""

    def __init__(self, place: Place, answers_within_s: float = _ANSWERS_WITHIN_S) -> None:
        self._place = place
        self._answers_within_s = answers_within_s
        self._scheduler: Any = None

    async def share(self, claim: Claim) -> Share:
        """Renew the lease of a run. Raises LeaseError."""
        return _share_of(await self._asked("llmdash_limit_share", claim=_encode(claim)))

    async def release(self, claim: Claim) -> None:
        """Give back everything but what was `sent` in the present second. Raises LeaseError."""
        await self._asked("llmdash_limit_release", claim=_encode(claim))

    async def rows(self) -> tuple[LeaseRow, ...]:
        """Return the rows of the runs that share limits now. Raises LeaseError."""
        return _rows_of(await self._asked("llmdash_limit_rows"))

    async def aclose(self) -> None:
        """Close the connection."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            with suppress(*_DEAD):
                await scheduler.close_rpc()

    async def _asked(self, operation: str, **arguments: bytes) -> Any:
        try:
            async with asyncio.timeout(self._answers_within_s):
                if self._scheduler is None:
                    self._scheduler = await self._connected()
                return await getattr(self._scheduler, operation)(**arguments)
        except _DEAD as error:
            await self.aclose()
            raise LeaseError(f"{self._place.name} does not answer, which keeps the leases") from error
        except Exception as error:  # whatever the scheduler raised comes back here
            await self.aclose()
            why = storable(f"{type(error).__name__}: {error}").splitlines()[0][:_REASON]
            fix = "it needs llmdash[cluster] in the same version as here"
            raise LeaseError(f"{self._place.name} cannot keep leases ({why}); {fix}") from error

    async def _connected(self) -> Any:
        reached = await self._place.reach()
        connection = reached.security.get_connection_args("client")
        scheduler = rpc(reached.address, connection_args=connection, timeout=self._answers_within_s)
        plugin = LimitsPlugin()
        await scheduler.register_scheduler_plugin(plugin=dumps(plugin), name=plugin.name, idempotent=True)
        return scheduler


_encode = msgspec.msgpack.Encoder().encode
_claim = msgspec.msgpack.Decoder(Claim).decode
_share_of = msgspec.msgpack.Decoder(Share).decode
_rows_of = msgspec.msgpack.Decoder(tuple[LeaseRow, ...]).decode
