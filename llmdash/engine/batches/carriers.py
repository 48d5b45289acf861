"""Carriers: which keys can send a job in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmdash.engine.dispatch.rows import own_model
from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.llms.batches import Batches
from llmdash.llms.wire.failures import Failure
from llmdash.prompts.source import Prompt

__all__ = ["Carriers"]

_NO_SERVICE = (404, 405, 501)


class Carriers:
    """Knows the batch service of each key, and which endpoints turned out to have none.

    Whether an endpoint has the service is asked once, with a list of its batches: that costs nothing. A key
    whose account has no money left gets no batch until it is tried again; `clock` is that of the pool.
    """

    def __init__(self, pool: KeyPool, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._services: dict[Member, Batches | None] = {}
        self._without: dict[Endpoint, str] = {}
        self._checked: set[Endpoint] = set()
        self._off: dict[tuple[Endpoint, str], str] = {}
        self._given: dict[Endpoint, int] = {}

    def service(self, member: Member) -> Batches | None:
        """Return the batch service of a key; None if its dialect has none, or its endpoint is set to have
        none.
        """
        if member not in self._services:
            wanted = member.endpoint.has_batches is not False
            self._services[member] = member.llm.batches() if wanted else None
        return self._services[member]

    async def check(self) -> None:
        """Ask each endpoint that was not asked yet whether it has the service."""
        for endpoint in self._pool.endpoints:
            if endpoint in self._checked or endpoint.has_batches:
                continue
            usable = self._of_endpoint(endpoint, None)
            service = self.service(usable[0]) if usable else None
            if service is None:
                continue
            try:
                await service.look()
            except Failure as failure:
                if failure.status not in _NO_SERVICE:
                    continue  # nothing is known by that; a batch will say so
                self._without[endpoint] = f"{endpoint.name or 'the endpoint'} has no batch service"
            self._checked.add(endpoint)

    def switch_off(self, endpoint: Endpoint, model: str, why: str) -> None:
        """Send no batches of a model to an endpoint any more."""
        self._off[endpoint, model] = why

    def endpoint_for(self, prompt: Prompt) -> tuple[Endpoint, str] | str:
        """Return the endpoint that a job goes to in a batch, and the model; in words why there is none."""
        model, why = own_model(prompt), "no usable key has a batch service"
        for endpoint in self._pool.endpoints:
            usable = self._of_endpoint(endpoint, model)
            if not usable:
                continue
            asked = model or usable[0].llm.model
            refused = self._without.get(endpoint) or self._off.get((endpoint, asked))
            if refused is None:
                return endpoint, asked
            why = refused
        return why

    def next_member(self, endpoint: Endpoint, model: str) -> Member | None:
        """Return the key that the next batch goes out with: they take turns. None if none is usable."""
        usable = self._of_endpoint(endpoint, model) or self._of_endpoint(endpoint, None)
        if not usable:
            return None
        turn = self._given[endpoint] = self._given.get(endpoint, -1) + 1
        return usable[turn % len(usable)]

    def first_member(self, endpoint: Endpoint, model: str) -> Member | None:
        """Return a key that batches of a model can go out with, without giving it a turn."""
        usable = self._of_endpoint(endpoint, model) or self._of_endpoint(endpoint, None)
        return usable[0] if usable else None

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the keys."""
        return [member.label for member in self._pool.members]

    def with_label(self, label: str) -> Member | None:
        """Return the key of this label, if it is in the pool and has a batch service."""
        found = (each for each in self._pool.members if each.label == label)
        return next((each for each in found if self.service(each) is not None), None)

    def siblings(self, endpoint: str) -> Sequence[Member]:
        """Return the keys of the endpoint of this name that have a batch service."""
        return [
            each
            for each in self._pool.members
            if each.endpoint.name == endpoint and self.service(each) is not None
        ]

    def _of_endpoint(self, endpoint: Endpoint, model: str | None) -> list[Member]:
        return [
            each
            for each in self._pool.members
            if each.endpoint is endpoint
            and not each.health.is_gone
            and not self._lacks_money(each)
            and each.serves(model)
            and self.service(each) is not None
        ]

    def _lacks_money(self, member: Member) -> bool:
        health = member.health
        return health.state is KeyState.QUARANTINED and not health.admits(self._clock())
