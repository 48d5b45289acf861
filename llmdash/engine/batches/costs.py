"""What came back in batches has cost, from a journal: the same for a run at work, a kept one, and a list."""

from __future__ import annotations

from collections.abc import Collection

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.pool.costs import CostOf, Spending, Tokens, costs_by_key

__all__ = ["batch_costs"]


def batch_costs(reader: JournalReader, labels: Collection[str], cost_of: CostOf) -> dict[int, float]:
    """Return the dollars for what came back in each batch, by its number: together as much as the run spent
    in batches. Those of which nothing came back have none, nor those with something without a known price.

    `cost_of` has the prices of batches; a key that is not among the `labels` counts as the dearest of them.
    """
    spent: dict[int, Spending] = {}
    for batch, label, model, tokens, long in reader.batches.spent():
        spent.setdefault(batch, Spending()).restore(label, model, Tokens(*tokens), long)
    found: dict[int, float] = {}
    for batch, spending in spent.items():
        costs = [cost for _, cost in costs_by_key(spending, labels, cost_of)]
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            found[batch] = sum(known)
    return found
