"""Places: where the scheduler of a run's workers is, and what a connection to it needs."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol

from distributed.security import Security

from llmdash.cluster.addresses import TlsFiles
from llmdash.cluster.local_cluster import LocalCluster, LocalClusterError

__all__ = ["LocalPlace", "Place", "Reached", "RemotePlace"]


class Reached(NamedTuple):
    """The address of a scheduler, and what Dask needs to know of certificates."""

    address: str
    security: Security


class Place(Protocol):
    """A scheduler that can be asked for its workers."""

    name: str
    """How it is shown."""

    async def reach(self) -> Reached:
        """Return where it is now. Raises OSError where it is nowhere."""

    def is_gone(self) -> bool:
        """True if it is certain that nobody answers any more."""

    def close(self) -> None:
        """End what was started for this run."""


class RemotePlace:
    """A scheduler that somebody has started."""

    def __init__(self, address: str, tls: TlsFiles | None) -> None:
        self.name = address
        self._security = security_of(tls)

    async def reach(self) -> Reached:
        return Reached(self.name, self._security)

    def is_gone(self) -> bool:
        return False

    def close(self) -> None:
        """It is not ours to end."""


class LocalPlace:
    """The workers of this machine, which are started with the run and end with it."""

    name = "this machine"

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster

    async def reach(self) -> Reached:
        try:
            said = await asyncio.to_thread(self._cluster.address)
        except LocalClusterError as error:
            raise OSError(str(error)) from None
        security = Security(
            require_encryption=True,
            tls_ca_file=said["ca"],
            tls_client_cert=said["cert"],
            tls_client_key=said["key"],
        )
        return Reached(said["address"], security)

    def is_gone(self) -> bool:
        return not self._cluster.is_running

    def close(self) -> None:
        self._cluster.close()


def security_of(tls: TlsFiles | None) -> Security:
    """Return what Dask needs to know of the certificates of this side, a run or a worker."""
    if tls is None:
        return Security(require_encryption=False)
    return Security(
        require_encryption=True,
        tls_ca_file=str(tls.ca),
        tls_client_cert=str(tls.cert),
        tls_client_key=str(tls.key),
        tls_worker_cert=str(tls.cert),
        tls_worker_key=str(tls.key),
    )
