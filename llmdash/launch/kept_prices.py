"""KeptPrices: what kept runs cost by the prices of now, live and in batches, where they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from llmdash.config.prices import load_prices
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.pool.costs import Tokens

__all__ = ["KeptPrices", "kept_prices", "places_in"]


class KeptPrices:
    """The prices for a run with these facts. `endpoint_of` has the endpoint of each key that is known to have
    sent a batch; of the others it is known only if there is one. Raises ConfigError.
    """

    def __init__(self, facts: Mapping[str, Any], endpoint_of: Mapping[str, str]) -> None:
        self._prices = load_prices()
        places = places_in(facts)
        self._of_all = next(iter(places.values())) if len(set(places.values())) == 1 else None
        self._of_key = {label: places[name] for label, name in endpoint_of.items() if name in places}
        self.has_batch_price = cache(self._has_batch_price)

    def live(self, label: str, model: str, tokens: Tokens) -> float | None:
        """Return the dollars for tokens of requests that were sent one by one; None without a price."""
        return self._cost(label, model, tokens, in_batch=False)

    def in_batch(self, label: str, model: str, tokens: Tokens) -> float | None:
        """Return the dollars for tokens of requests in batches."""
        return self._cost(label, model, tokens, in_batch=True)

    def _cost(self, label: str, model: str, tokens: Tokens, *, in_batch: bool) -> float | None:
        if not model:
            return None
        place = self._of_key.get(label, self._of_all)
        return self._prices.cost(model, tokens[:5], place, in_batch=in_batch, parts=tokens.parts)

    def _has_batch_price(self, label: str, model: str) -> bool:
        """True if batches have a price of their own, so that their cost is not only at most so much."""
        return self._prices.has_batch_price(model, self._of_key.get(label, self._of_all))


def kept_prices(reader: JournalReader, facts: Mapping[str, Any]) -> KeptPrices | None:
    """Return the prices for the run in a journal; None for one of the simulator, which cost nothing.

    Raises ConfigError.
    """
    if facts.get("simulator"):
        return None
    return KeptPrices(facts, {each.key: each.endpoint for each in reader.batches.records()})


def places_in(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the base URL of each endpoint on record."""
    try:
        endpoints = json.loads(facts.get("decided") or "{}").get("endpoints", ())
        return {str(each["name"]): str(each["base_url"]) for each in endpoints}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
