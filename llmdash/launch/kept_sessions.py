"""Sessions over kept runs: nothing of them is sent again, so neither keys nor settings are needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.pool.costs import NO_PRICES, RunPrices
from llmdash.launch.inputs import open_input
from llmdash.launch.kept_prices import kept_prices
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
    reader = JournalReader(folder)
    facts = reader.facts()

    def source() -> PromptSource:
        return open_input(input_of(facts))

    return KeptSession(
        folder,
        open_input=source,
        prices=_prices(reader, facts),
        request_of=kept_requests(facts),
    )


def replay_session(folder: Path, speed: float = 1.0) -> ReplaySession:
    """Return a session that plays the run in `folder`. Raises JournalError."""
    reader = JournalReader(folder)
    facts = reader.facts()
    return ReplaySession(
        folder,
        speed=speed,
        open_input=lambda: open_input(input_of(facts)),
        prices=_prices(reader, facts),
        request_of=kept_requests(facts),
    )


def _prices(reader: JournalReader, facts: Mapping[str, Any]) -> RunPrices:
    """Return the prices of a run at work, at those of now. Raises ConfigError."""
    prices = kept_prices(reader, facts)
    return NO_PRICES if prices is None else RunPrices(prices.live, prices.in_batch, prices.has_batch_price)
