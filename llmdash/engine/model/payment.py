"""Payment: whether the requests of a run cost money, and the words for those that may cost it twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["FREE", "PAID", "Payment", "payment_where", "spends"]


class Payment(NamedTuple):
    """What to say of requests whose outcome nobody knows."""

    unknown: str
    """Follows their number."""
    they: str
    """Follows a sentence that they are unknown, with its pronoun."""
    twice: str
    """Follows what happened to them before they were sent again."""
    each: str
    """Follows how often one was sent."""


PAID: Final = Payment(
    "may be paid twice", ": {} may be paid twice", ": possibly paid twice", "; each may have to be paid for"
)
FREE: Final = Payment("without an outcome", "", "", "")
"""For runs on the built-in simulator, where nothing is paid."""


def spends(facts: Mapping[str, Any]) -> bool:
    """Return False for a run on the simulator, by the facts in its journal."""
    return not facts.get("simulator")


def payment_where(run_spends: bool) -> Payment:
    """Return the words for a run that spends money, or does not."""
    return PAID if run_spends else FREE
