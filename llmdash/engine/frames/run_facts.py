"""RunFacts: what a frame says of a run that does not change while it runs."""

from __future__ import annotations

from llmdash.engine.model.payment import Payment, payment_where
from llmdash.engine.pool.costs import NO_PRICES, CostOf, HasBatchPrice, no_price
from llmdash.lean_dataclass import dataclass

__all__ = ["RunFacts"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of a run that do not change while it runs."""

    name: str
    model: str
    endpoint: str
    keys: int
    cost_of: CostOf = no_price
    batch_cost_of: CostOf = no_price
    """The prices of requests in batches."""
    has_batch_price: HasBatchPrice = NO_PRICES.has_batch_price
    left_out: int = 0
    """Input lines that are no jobs."""
    spends: bool = True
    """False where a simulator answers: nothing is paid."""
    check: str = ""
    """How answers are compared, where that is the same for all of them."""
    is_streamed: bool = True
    """False where answers are fetched whole, so that there is no first token."""

    @property
    def payment(self) -> Payment:
        """What to say of requests without an outcome."""
        return payment_where(self.spends)
