"""Builds the members of a pool from endpoints and keys, and more when keys are added to `.env`."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmdash.config import EndpointSettings, Settings
from llmdash.config.key_file import KeyFileWatch
from llmdash.config.prices import Prices
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.member import Endpoint, Member, MemberLimits
from llmdash.engine.pool.shared import SharedLimit
from llmdash.engine.pool.token_bucket import TokenBucket
from llmdash.launch.llm_factory import recipe_of
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS
from llmdash.llms.recipe import Clients, ModelRecipe
from llmdash.secrets import Secret, labels
from llmdash.simulator.process import SimulatorProcess

__all__ = ["EndpointKey", "PoolBuilder", "PoolPlan", "keys_added", "pool_plan"]


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """One endpoint with one of its keys (None if it needs none), and the label of both."""

    label: str
    endpoint: EndpointSettings
    key: Secret | None


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Endpoints x keys. `simulator` gives the address of the first endpoint once it is known."""

    endpoints: tuple[EndpointSettings, ...]
    simulator: SimulatorProcess | None = None

    @property
    def keys(self) -> tuple[EndpointKey, ...]:
        """Each endpoint with each of its keys. The label is that of the key, else the endpoint's name."""
        pairs = [
            (endpoint, key)
            for endpoint in self.endpoints
            for key in (endpoint.keys if endpoint.needs_key else (None,))
        ]
        of_keys = iter(labels([key for _, key in pairs if key is not None]))
        return tuple(
            EndpointKey(next(of_keys) if key is not None else endpoint.name, endpoint, key)
            for endpoint, key in pairs
        )

    @property
    def model(self) -> str:
        """The names of the models, or their number."""
        return _in_short([endpoint.model for endpoint in self.endpoints], "models")

    @property
    def name(self) -> str:
        """The names of the endpoints, or their number."""
        return _in_short([endpoint.name for endpoint in self.endpoints], "endpoints")


_NO_SHARES: Mapping[str, SharedLimit] = MappingProxyType({})


def _none(_wire: str) -> Mapping[str, Any]:
    return {}


class PoolBuilder:
    """Builds the members of a run's pool, one for each key; looks up models and prices by label.

    `optional` returns the options for a wire format that go with every request of a server that takes them.
    `shares` are those of the limits that endpoints share with other runs, by name.
    """

    def __init__(
        self,
        plan: PoolPlan,
        settings: Settings,
        prices: Prices,
        optional: Callable[[str], Mapping[str, Any]] = _none,
        shares: Mapping[str, SharedLimit] = _NO_SHARES,
    ) -> None:
        self._settings = settings
        self._optional = optional
        self._plan = plan
        self._prices = prices
        joins = settings.key_file is not None and plan.simulator is None
        self._watch = KeyFileWatch(settings.key_file) if joins and settings.key_file else None
        self._keys = {each.label: each for each in plan.keys}
        self._shared = {each.name: _endpoint(each, shares.get(each.limit or "")) for each in plan.endpoints}
        self._clients = Clients()
        self.recipes: dict[str, ModelRecipe] = {}
        """What the model of each key is made of, by label."""

    def __len__(self) -> int:
        return len(self._keys)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Sequence[Member]]:
        """Yield the members; their connections are closed at the end."""
        try:
            yield self._members(self._keys.values())
        finally:
            await self._clients.aclose()

    def more(self) -> Sequence[Member]:
        """Return members for keys added to the file since the last call."""
        settings = self._watch.changed() if self._watch is not None else None
        if settings is None:
            return ()
        new = keys_added(list(self._keys.values()), PoolPlan(settings.endpoints))
        self._keys |= {each.label: each for each in new}
        return self._members(new)

    def notes(self) -> Mapping[str, Any]:
        """Return what the journal records of the keys: the model of each label."""
        return {"models": json.dumps({label: each.endpoint.model for label, each in self._keys.items()})}

    def cost(self, label: str, model: str, tokens: Tokens) -> float | None:
        """Return the cost in dollars of tokens of one key; None without a price for model and endpoint."""
        known = self._keys.get(label)
        if known is None:
            return None  # a key of an earlier start
        endpoint = known.endpoint
        place = endpoint.base_url or None
        return self._prices.cost(model or endpoint.model, tokens[:5], place, parts=tokens.parts)

    def batch_cost(self, label: str, model: str, tokens: Tokens) -> float | None:
        """Return the same where they were used in a batch."""
        known = self._keys.get(label)
        if known is None:
            return None
        endpoint = known.endpoint
        place, asked = endpoint.base_url or None, model or endpoint.model
        return self._prices.cost(asked, tokens[:5], place, in_batch=True, parts=tokens.parts)

    def has_batch_price(self, label: str, model: str) -> bool:
        """True if batches of a model have a price of their own at the endpoint of a key; where that is not
        known, they cost at most as much as requests one by one.
        """
        known = self._keys.get(label)
        if known is None:
            return True
        return self._prices.has_batch_price(model or known.endpoint.model, known.endpoint.base_url or None)

    def _members(self, keys: Iterable[EndpointKey]) -> list[Member]:
        return [self._member(each) for each in keys]

    def _member(self, each: EndpointKey) -> Member:
        endpoint, simulator = each.endpoint, self._plan.simulator
        at = endpoint if simulator is None else replace(endpoint, base_url=simulator.base_url())
        limits = MemberLimits(
            requests=TokenBucket(endpoint.rpm, time.monotonic) if endpoint.rpm else None,
            tokens=TokenBucket(endpoint.tpm, time.monotonic) if endpoint.tpm else None,
        )
        wanted = self._optional(DIALECTS[endpoint.dialect].wire)
        recipe = self.recipes[each.label] = recipe_of(at, each.key, self._settings, wanted)
        llm = self._clients.build(recipe)
        shared, models = self._shared[endpoint.name], self._models(endpoint)
        return Member(llm, each.label, shared, endpoint.weight, limits, models=models)

    def _models(self, endpoint: EndpointSettings) -> frozenset[str] | None:
        """The models that a prompt may ask for by name; any, where there is one endpoint to ask."""
        several = len(self._plan.endpoints) > 1
        return frozenset((endpoint.model, *endpoint.models)) if several else None


def _endpoint(settings: EndpointSettings, shared: SharedLimit | None) -> Endpoint:
    endpoint = Endpoint(settings.name, settings.concurrency, shared=shared)
    endpoint.has_batches = settings.batch
    endpoint.batch_queue_tokens = settings.batch_queue_tokens
    return endpoint


def keys_added(known: Sequence[EndpointKey], plan: PoolPlan) -> tuple[EndpointKey, ...]:
    """Return the keys of `plan` that are not `known`, at the same endpoints, with unique labels."""
    endpoints = {each.endpoint.name: each.endpoint for each in known}
    values = {(each.endpoint.name, each.key.reveal()) for each in known if each.key is not None}
    new = [
        (endpoints[each.endpoint.name], each.key)
        for each in plan.keys
        if each.key is not None
        and each.endpoint.name in endpoints
        and (each.endpoint.name, each.key.reveal()) not in values
    ]
    before = [each.key for each in known if each.key is not None]
    names = labels([*before, *(key for _, key in new)])[len(before) :]
    return tuple(EndpointKey(label, *pair) for label, pair in zip(names, new, strict=True))


def pool_plan(settings: Settings, simulator: SimulatorProcess | None) -> PoolPlan:
    """Return the endpoints of the settings; with a `simulator` only that one, with its keys."""
    if simulator is None:
        return PoolPlan(settings.endpoints)
    keys = tuple(Secret(key) for key in simulator.settings.keys)
    endpoint = EndpointSettings("simulator", "openai-chat", "http://127.0.0.1/v1", settings.model, keys)
    return PoolPlan((endpoint,), simulator)


def _in_short(names: list[str], kind: str) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different) if len(different) <= 2 else f"{len(different)} {kind}"
