"""Sessions over kept runs: nothing of them is sent again, so neither keys nor settings are needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmdash.config.prices import load_prices
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.pool.costs import CostOf, Tokens, no_price
from llmdash.launch.inputs import open_input
from llmdash.launch.kept_requests import kept_requests
from llmdash.launch.run_input import input_of
from llmdash.prompts.source import PromptSource
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession

__all__ = ["kept_session", "replay_session"]


def kept_session(folder: Path) -> KeptSession:
    """Return a session over a kept run: with its prompts if the input is still there, and with the prices of
    now where its cost is not on record. Raises JournalError.
    """
    facts = JournalReader(folder).facts()

    def source() -> PromptSource:
        return open_input(input_of(facts))

    return KeptSession(
        folder,
        open_input=source,
        cost_of=_prices_of(facts),
        batch_cost_of=_prices_of(facts, in_batch=True) or no_price,
        request_of=kept_requests(facts),
    )


def replay_session(folder: Path, speed: float = 1.0) -> ReplaySession:
    """Return a session that plays the run in `folder`. Raises JournalError."""
    facts = JournalReader(folder).facts()
    return ReplaySession(
        folder,
        speed=speed,
        open_input=lambda: open_input(input_of(facts)),
        cost_of=_prices_of(facts),
        request_of=kept_requests(facts),
    )


def _prices_of(facts: Mapping[str, Any], *, in_batch: bool = False) -> CostOf | None:
    """Return what prices the tokens of a run as at work, of requests that were sent one by one, or in
    batches; None for one of the simulator, which cost nothing.

    Raises ConfigError.
    """
    if facts.get("simulator"):
        return None
    prices, provider = load_prices(), _provider_of(facts)

    def cost(_label: str, model: str, tokens: Tokens) -> float | None:
        if not model:
            return None
        return prices.cost(model, tokens[:5], provider, in_batch=in_batch, parts=tokens.parts)

    return cost


def _provider_of(facts: Mapping[str, Any]) -> str | None:
    """Return the base URL of a run's endpoint; None where there are several, or none is on record."""
    try:
        endpoints = json.loads(facts.get("decided") or "{}")["endpoints"]
        known = {str(endpoint["base_url"]) for endpoint in endpoints}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return known.pop() if len(known) == 1 else None
