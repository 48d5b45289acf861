"""The cost of a run so far, and projected to its end; over all attempts, never an underestimate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from llmdash.engine.model.amounts import LONG_REQUEST, parts_of
from llmdash.engine.model.frame import BatchRow, KeyRow
from llmdash.llms.messages import Usage

__all__ = [
    "NO_PRICES",
    "CostOf",
    "CostSoFar",
    "HasBatchPrice",
    "RunPrices",
    "Spending",
    "Tokens",
    "cost_of_usage",
    "cost_so_far",
    "costs_by_key",
    "costs_of_keys",
    "no_price",
    "projected",
    "with_batches",
    "with_marks",
]


class Tokens(NamedTuple):
    """Sums of tokens: the cached ones are part of the input, those of reasoning part of the output.

    `parts` is in how many equal parts they are priced, since the price of a token may depend on the size of
    its request.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    parts: int = 1

    def __add__(self, other: object) -> Tokens:
        if not isinstance(other, Tokens):
            return NotImplemented
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
        )


CostOf = Callable[[str, str, Tokens], float | None]
"""Dollars for (key label, model, tokens); None where no price is known."""


def no_price(_label: str, _model: str, _tokens: Tokens) -> float | None:
    """Return None: no price is known."""


HasBatchPrice = Callable[[str, str], bool]
"""True for (key label, model) whose requests have a price of their own in batches; else they cost at most as
much as live."""


def _always(_label: str, _model: str) -> bool:
    return True


class RunPrices(NamedTuple):
    """The prices of what a run sends live, and in batches."""

    live: CostOf = no_price
    in_batch: CostOf = no_price
    has_batch_price: HasBatchPrice = _always


NO_PRICES = RunPrices()


def cost_of_usage(cost_of: CostOf, label: str, model: str, usage: Usage) -> float | None:
    """Return the dollars for what a server counted; None where no price is known."""
    tokens = Tokens(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    return cost_of(label, model, tokens)


class Spending:
    """The tokens of all answered attempts by key and model: each has its price. Long requests are summed
    apart, as providers may ask more for them.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, bool], list[int]] = {}

    def add(self, label: str, model: str, usage: Usage) -> None:
        """Add the tokens of an answer."""
        is_long = usage.input_tokens > LONG_REQUEST
        sums = self._sums.get((label, model, is_long))
        if sums is None:
            sums = self._sums[label, model, is_long] = [0, 0, 0, 0, 0, 0]
        sums[5] += is_long
        sums[0] += usage.input_tokens
        sums[1] += usage.output_tokens
        if usage.cached_tokens or usage.cache_write_tokens or usage.reasoning_tokens:
            sums[2] += usage.cached_tokens
            sums[3] += usage.cache_write_tokens
            sums[4] += usage.reasoning_tokens

    def restore(self, label: str, model: str, tokens: Tokens, long_requests: int = 0) -> None:
        """Add the tokens of earlier starts: of that many long requests, or of others."""
        of = label, model, long_requests > 0
        before = self._sums.get(of, [0, 0, 0, 0, 0, 0])
        more = (*tokens[:5], long_requests)
        self._sums[of] = [one + another for one, another in zip(before, more, strict=True)]

    def __iter__(self) -> Iterator[tuple[str, str, Tokens]]:
        for (label, model, _), (asked, said, *others, long_requests) in list(self._sums.items()):
            cached, written, reasoning = others
            parts = parts_of(asked, long_requests)
            yield label, model, Tokens(asked, said, cached, written, reasoning, parts)

    def total(self) -> Tokens:
        """Return the tokens of all keys and models."""
        total = Tokens()
        for _, _, tokens in self:
            total += tokens
        return total


def costs_by_key(
    spending: Spending, labels: Collection[str], cost_of: CostOf
) -> Iterator[tuple[str, float | None]]:
    """Yield the label of each key and model that was used, and the dollars; None where no price is known.

    A key that is not among the `labels` of now was used by an earlier start: it counts as the dearest of now.
    """
    for label, model, tokens in spending:
        found = [cost_of(each, model, tokens) for each in ((label,) if label in labels else labels)]
        yield label, max((cost for cost in found if cost is not None), default=None)


class CostSoFar(NamedTuple):
    """Dollars; `uncertain` is what of them is counted for requests without an outcome."""

    dollars: float | None = None
    uncertain: float = 0.0


def cost_so_far(spending: Spending, keys: Sequence[KeyRow], cost_of: CostOf) -> CostSoFar:
    """Return the dollars spent; None if a key that was used has no known price.

    Requests that were cut off have an unknown outcome; each counts as the mean one of its key.
    """
    uncertain = _uncertain(keys)
    sure = total = 0.0
    for label, known in costs_by_key(spending, [key.label for key in keys], cost_of):
        if known is None:
            return CostSoFar()
        sure += known
        total += known * uncertain.get(label, 1.0)
    return CostSoFar(total, total - sure) if total > 0 else CostSoFar()


def with_batches(
    live: CostSoFar, sent_live: Spending, in_batches: Spending, keys: Sequence[KeyRow], cost_of: CostOf
) -> tuple[CostSoFar, float | None]:
    """Return the cost of what was sent live and in batches, and that of the batches alone; None where there
    was none of it, or something of it has no known price. `cost_of` has the prices of batches.
    """
    costs = [known for _, known in costs_by_key(in_batches, [key.label for key in keys], cost_of)]
    if not costs:
        return live, None
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs) or (live.dollars is None and sent_live.total() != Tokens()):
        return CostSoFar(), sum(known) if len(known) == len(costs) else None
    return live._replace(dollars=(live.dollars or 0.0) + sum(known)), sum(known)


def costs_of_keys(
    spending: Spending, keys: Sequence[KeyRow], cost_of: CostOf, *, cut: bool = True
) -> dict[str, float]:
    """Return the dollars that each of the keys spent, as `cost_so_far` counts them; without those that have
    no known price, and unless `cut` without requests that were cut off.
    """
    labels, uncertain = [key.label for key in keys], _uncertain(keys) if cut else {}
    found: dict[str, float | None] = {}
    for label, known in costs_by_key(spending, labels, cost_of):
        before = found.get(label, 0.0)
        found[label] = None if known is None or before is None else before + known * uncertain.get(label, 1.0)
    return {label: cost for label, cost in found.items() if cost is not None and label in labels}


def _uncertain(keys: Sequence[KeyRow]) -> dict[str, float]:
    """By how much the cost of each key may be higher, because of requests that were cut off."""
    return {key.label: 1 + key.cut / key.ok for key in keys if key.ok}


def projected(cost: float | None, ended: int, jobs: int, uncertain: float = 0.0) -> float | None:
    """Return the dollars for all `jobs`, at the mean price of those that have ended; what is `uncertain` of
    them happened once.
    """
    return (cost - uncertain) * jobs / ended + uncertain if cost is not None and ended else None


def with_marks(rows: Iterable[BatchRow], has_batch_price: HasBatchPrice) -> tuple[BatchRow, ...]:
    """Return the rows, marked where their cost is only known to be at most so much."""
    return tuple(
        row if row.cost is None or has_batch_price(row.key, row.model) else replace(row, cost_is_most=True)
        for row in rows
    )
