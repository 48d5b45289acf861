"""The endpoints of the settings, each with its keys, become the members of a pool."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmdash.config import EndpointSettings, Settings
from llmdash.engine.allowance import Allowance
from llmdash.engine.costs import CostOf
from llmdash.engine.member import Endpoint, Member, MemberLimits
from llmdash.launch.endpoints import build_llm
from llmdash.prices import Prices
from llmdash.secrets import Secret, labels
from llmdash.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from llmdash.llms.http import HttpClient

__all__ = ["Fleet", "fleet_of"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Endpoints x keys. `simulator` stands in for the address of the first one, once it is known."""

    endpoints: tuple[EndpointSettings, ...]
    simulator: SimulatorProcess | None = None

    @property
    def pairs(self) -> tuple[tuple[EndpointSettings, Secret | None], ...]:
        """Every endpoint with each of its keys; with None where it needs none."""
        return tuple(
            (endpoint, key)
            for endpoint in self.endpoints
            for key in (endpoint.keys if endpoint.needs_key else (None,))
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each pair: that of the key, or the endpoint's name where there is none."""
        of_keys = iter(labels([key for _, key in self.pairs if key is not None]))
        return tuple(next(of_keys) if key is not None else endpoint.name for endpoint, key in self.pairs)

    @property
    def models(self) -> dict[str, str]:
        """The model asked with each key, by label."""
        return {label: endpoint.model for label, (endpoint, _) in zip(self.labels, self.pairs, strict=True)}

    @property
    def model(self) -> str:
        """The models in a few words."""
        return _in_short([endpoint.model for endpoint in self.endpoints], "models")

    @property
    def name(self) -> str:
        """The endpoints in a few words."""
        return _in_short([endpoint.name for endpoint in self.endpoints], "endpoints")

    def cost_of(self, prices: Prices) -> CostOf:
        """What tokens cost with each key, as far as there are prices for its model and its endpoint."""
        pairs = dict(zip(self.labels, self.pairs, strict=True))

        def cost(label: str, input_tokens: int, output_tokens: int) -> float | None:
            endpoint = pairs[label][0]
            return prices.cost(endpoint.model, input_tokens, output_tokens, endpoint.base_url or None)

        return cost

    @asynccontextmanager
    async def connect(self, settings: Settings) -> AsyncIterator[list[Member]]:
        """The members, for as long as the run lasts."""
        from llmdash.llms.http import HttpClient

        client = HttpClient(timeouts=settings.timeouts)
        try:
            yield list(self._members(settings, client))
        finally:
            await client.aclose()

    def _members(self, settings: Settings, client: HttpClient) -> Iterator[Member]:
        # The run's own options go with every request: a prompt may replace them there, but not here.
        bare = replace(settings, temperature=None, max_tokens=None)
        shared = {endpoint.name: Endpoint(endpoint.name, endpoint.concurrency) for endpoint in self.endpoints}
        for label, (endpoint, key) in zip(self.labels, self.pairs, strict=True):
            at = endpoint if self.simulator is None else replace(endpoint, base_url=self.simulator.base_url())
            limits = MemberLimits(
                requests=Allowance(endpoint.rpm, time.monotonic) if endpoint.rpm else None,
                tokens=Allowance(endpoint.tpm, time.monotonic) if endpoint.tpm else None,
            )
            llm = build_llm(at, key, bare, client)
            yield Member(llm, label, shared[endpoint.name], endpoint.weight, limits)


def fleet_of(settings: Settings, simulator: SimulatorProcess | None) -> Fleet:
    """The endpoints of the settings; with a `simulator` that one instead, with its own keys."""
    if simulator is None:
        return Fleet(settings.endpoints)
    keys = tuple(Secret(key) for key in simulator.settings.keys)
    endpoint = EndpointSettings("simulator", "openai-chat", "http://127.0.0.1/v1", settings.model, keys)
    return Fleet((endpoint,), simulator)


def _in_short(names: list[str], kind: str) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different) if len(different) <= 2 else f"{len(different)} {kind}"
