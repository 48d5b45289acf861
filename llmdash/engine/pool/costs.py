"""The cost of a run so far, and projected to its end; over all attempts, never an underestimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmdash.engine.model.frame import KeyRow

__all__ = ["CostOf", "cost_so_far", "projected"]

CostOf = Callable[[str, int, int], float | None]
"""Dollars for (key label, input tokens, output tokens); None where no price is known."""


def cost_so_far(keys: Sequence[KeyRow], cost_of: CostOf) -> float | None:
    """Return the dollars spent with all keys; None if a key that was used has no known price.

    Requests that were cut off have an unknown outcome; each counts as the mean one of its key.
    """
    total = 0.0
    for key in keys:
        if not key.ok:
            continue
        known = cost_of(key.label, key.input_tokens, key.output_tokens)
        if known is None:
            return None
        total += known * (1 + key.cut / key.ok)
    return total if total > 0 else None


def projected(cost: float | None, ended: int, jobs: int) -> float | None:
    """Return the dollars for all `jobs`, at the mean price of those that have ended."""
    return cost * jobs / ended if cost is not None and ended else None
