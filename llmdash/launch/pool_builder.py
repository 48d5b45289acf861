"""Roster: a fleet becomes the members of a pool, and more of them when `.env` gets another key."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmdash.config import ConfigError, Settings
from llmdash.config.prices import Prices
from llmdash.engine.pool.member import Endpoint, Member, MemberLimits
from llmdash.engine.pool.token_bucket import TokenBucket
from llmdash.launch.fleet import EndpointKey, Fleet, keys_added
from llmdash.launch.llm_factory import build_llm

if TYPE_CHECKING:
    from llmdash.llms.transport.http import HttpClient

__all__ = ["KeyFile", "Roster"]

_LOOK_S = 1.0


class KeyFile:
    """The file that keys are read from, and how to read the settings anew. `changed` tells once a change."""

    def __init__(self, path: Path, reload: Callable[[], Settings]) -> None:
        self._path = path
        self._reload = reload
        self._seen = self._stamp()
        self._looked_at = time.monotonic()

    def changed(self) -> Settings | None:
        """The settings as they are now, if the file is another than at the last look, at most once a second.

        A file that cannot be used (somebody is writing it) changes nothing.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return None
        self._looked_at = now
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            return self._reload()
        except ConfigError:
            return None

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


class Roster:
    """The keys of one run: a member for each, their models and prices by label."""

    def __init__(
        self, fleet: Fleet, settings: Settings, prices: Prices, key_file: KeyFile | None = None
    ) -> None:
        # The run's own options go with every request: a prompt may replace them there, but not here.
        self._bare = replace(settings, temperature=None, max_tokens=None)
        self._fleet = fleet
        self._prices = prices
        self._key_file = key_file
        self._keys = {each.label: each for each in fleet.keys}
        self._shared = {each.name: Endpoint(each.name, each.concurrency) for each in fleet.endpoints}
        self._client: HttpClient | None = None

    def __len__(self) -> int:
        return len(self._keys)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Sequence[Member]]:
        """The members, for as long as the run lasts."""
        from llmdash.llms.transport.http import HttpClient

        self._client = HttpClient(timeouts=self._bare.timeouts)
        try:
            yield self._members(self._keys.values())
        finally:
            await self._client.aclose()

    def more(self) -> Sequence[Member]:
        """Members for keys that were put into the file meanwhile."""
        settings = self._key_file.changed() if self._key_file is not None else None
        if settings is None:
            return ()
        new = keys_added(list(self._keys.values()), Fleet(settings.endpoints))
        self._keys |= {each.label: each for each in new}
        return self._members(new)

    def notes(self) -> Mapping[str, Any]:
        """What the journal remembers of the keys: the model asked with each."""
        return {"models": json.dumps({label: each.endpoint.model for label, each in self._keys.items()})}

    def cost(self, label: str, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars for tokens of one key, as far as there are prices for its model and its endpoint."""
        endpoint = self._keys[label].endpoint
        return self._prices.cost(endpoint.model, input_tokens, output_tokens, endpoint.base_url or None)

    def _members(self, keys: Iterable[EndpointKey]) -> list[Member]:
        return [self._member(each) for each in keys]

    def _member(self, each: EndpointKey) -> Member:
        endpoint, simulator = each.endpoint, self._fleet.simulator
        at = endpoint if simulator is None else replace(endpoint, base_url=simulator.base_url())
        limits = MemberLimits(
            requests=TokenBucket(endpoint.rpm, time.monotonic) if endpoint.rpm else None,
            tokens=TokenBucket(endpoint.tpm, time.monotonic) if endpoint.tpm else None,
        )
        llm = build_llm(at, each.key, self._bare, self._client)
        return Member(llm, each.label, self._shared[endpoint.name], endpoint.weight, limits)
