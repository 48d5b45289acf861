"""Workers for a run: those of this machine, or of a cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmdash.child_process import environment_without
from llmdash.config import ConfigError, Settings
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import LANGCHAIN

if TYPE_CHECKING:
    from llmdash.cluster.addresses import TlsFiles
    from llmdash.cluster.limits import ClusterLeases
    from llmdash.cluster.places import Place
    from llmdash.engine.plan import RunPlan
    from llmdash.engine.pool.member import Member
    from llmdash.llms.recipe import ModelRecipe

__all__ = ["NO_WORKERS", "PATIENCE_S", "WorkersOrder", "Workforce", "work_for", "workforce"]

PATIENCE_S = 300.0
"""How long a run without a screen waits for a worker, by default."""


@dataclass(frozen=True, slots=True)
class WorkersOrder:
    """Who makes the attempts of a run: this process, `workers` processes of this machine, or those of the
    scheduler at `cluster`.

    `tls` are the files of an encrypted connection; over one keys may be sent (`send_keys`) instead of being
    looked up by the workers.
    """

    workers: int | None = None
    cluster: str | None = None
    tls: tuple[Path, Path, Path] | None = None
    insecure: bool = False
    send_keys: bool = False
    patience_s: float = PATIENCE_S

    def check(self) -> None:
        """Raise ConfigError for what cannot be used; nothing is connected."""
        if self.workers is None and self.cluster is None:
            return
        _require_extra()
        if self.cluster is not None and not self.address.startswith("tls://") and self.send_keys:
            raise ConfigError("--send-keys: keys go over encrypted lines only; use tls:// with certificates")

    @property
    def address(self) -> str:
        """Where the scheduler is. Raises ConfigError."""
        from llmdash.cluster.addresses import AddressError, scheduler_address

        try:
            return scheduler_address(self.cluster or "", tls=self.tls_files, insecure=self.insecure)
        except AddressError as error:
            raise ConfigError(str(error)) from None

    @property
    def tls_files(self) -> TlsFiles | None:
        """The certificates, if there are any."""
        from llmdash.cluster.addresses import TlsFiles

        return TlsFiles(*self.tls) if self.tls is not None else None

    @property
    def sends_keys(self) -> bool:
        """True if workers get the keys themselves, and not their fingerprints."""
        return self.send_keys or self.workers is not None


NO_WORKERS = WorkersOrder()


def _require_extra() -> None:
    """Raise ConfigError if what workers need is not installed."""
    for module in ("distributed", "cryptography"):
        if importlib.util.find_spec(module) is None:
            raise ConfigError(f"workers need {module}; install it with: pip install 'llmdash[cluster]'")


@dataclass(frozen=True, slots=True)
class Workforce:
    """Workers at a place; with others' runs there they share limits by way of the scheduler (`leases`)."""

    place: Place
    order: WorkersOrder
    leases: ClusterLeases | None = None

    def put_to_work(
        self, plan: RunPlan, recipe_of: Callable[[str], ModelRecipe], *, practice: bool
    ) -> RunPlan:
        """Return the plan with its attempts made by the workers.

        The keys of a simulator to `practice` on are no secrets, and sent to whichever worker.
        """
        from llmdash.cluster.joined import asker_at, in_touch

        order, place, leases = self.order, self.place, self.leases
        asker = asker_at(place, recipe_of, send_keys=order.sends_keys or practice)

        @asynccontextmanager
        async def connect() -> AsyncIterator[Sequence[Member]]:
            async with plan.connect() as members:
                asker.adopt(members)
                async with in_touch(asker, place, insecure=order.insecure):
                    yield members
                if leases is not None:
                    await leases.aclose()

        def more_keys() -> Sequence[Member]:
            members = plan.more_keys()
            asker.adopt(members)
            return members

        return replace(plan, asker=asker, connect=connect, more_keys=more_keys, patience_s=order.patience_s)


def workforce(order: WorkersOrder, settings: Settings) -> Workforce | None:
    """Return the workers that the order asks for, None if it asks for none. Raises ConfigError."""
    order.check()
    if order.workers is None and order.cluster is None:
        return None
    place = _place(order, settings)
    if order.cluster is None:
        return Workforce(place, order)
    from llmdash.cluster.limits import ClusterLeases

    return Workforce(place, order, ClusterLeases(place))


def _place(order: WorkersOrder, settings: Settings) -> Place:
    from llmdash.cluster.local_cluster import LocalCluster
    from llmdash.cluster.places import LocalPlace, RemotePlace

    if order.workers is None:
        return RemotePlace(order.address, order.tls_files)
    reads_own_keys = any(endpoint.dialect == LANGCHAIN for endpoint in settings.endpoints)
    redact = settings.redactor.redact
    environment = environment_without(lambda value: not reads_own_keys and redact(value) != value)
    return LocalPlace(LocalCluster(order.workers, environment))


def work_for(order: WorkersOrder, name: str | None) -> int:
    """Make requests for runs until interrupted, as a worker of the cluster. Raises ConfigError."""
    order.check()
    from llmdash.cluster.worker import run_worker

    try:
        run_worker(order.address, name, order.tls_files)
    except KeyboardInterrupt:
        return 0
    return 0
