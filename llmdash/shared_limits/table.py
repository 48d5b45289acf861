"""The rows of the runs that share a limit, and what a claim makes of them: pure functions.

In any second all runs together send at most rate + max(1, 5 %) requests: that many *slots* are shared out,
and no run has more requests in a second than it has slots. A row holds what its run may still be using: a
slot that a run gives up is counted until the last request that used it is more than a second old, and the row
of a run that has died until its lease and a second are over. Nobody gets what another row holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from llmdash.engine.dispatch.leases import Claim, Held, Limit, Share, Sharer, Wish
from llmdash.engine.dispatch.send_window import WINDOW_S
from llmdash.lean_dataclass import dataclass
from llmdash.shared_limits.fairness import fair_shares, fair_slots

__all__ = ["KEPT_S", "LeaseRow", "granted", "is_live", "lowest", "released", "slots_of"]

LEASE_S = 1.4
"""How long a share may be used without asking again."""
_COUNTED_S = WINDOW_S + 0.02
KEPT_S = LEASE_S + _COUNTED_S
"""How long the row of a run is kept that asks no more: two and a half seconds."""
_TURN_S = 4.0
"""How long the same runs have what cannot be divided further."""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """What one run holds of a limit, and until when; times by the clock of whoever keeps the rows."""

    limit: Limit
    sharer: Sharer
    wish: Wish
    held: Held
    until: float


def is_live(row: LeaseRow, now: float) -> bool:
    """False for a row whose run is gone, or that was written before the clock was set back to zero."""
    return now < row.until <= now + KEPT_S


def slots_of(rate: float) -> float:
    """Return the most requests in any second at `rate`; infinite without a limit."""
    return float(int(rate + max(1.0, rate * 0.05))) if math.isfinite(rate) else math.inf


def lowest(limits: Iterable[Limit], name: str) -> Limit:
    """Return the strictest of several definitions of the limit `name`."""
    every = tuple(limits)
    return Limit(
        name,
        min((limit.rate for limit in every), default=math.inf),
        min((limit.tpm for limit in every), default=math.inf),
    )


def granted(
    rows: Sequence[LeaseRow], claim: Claim, now: float, quiet_until: float = 0.0
) -> tuple[LeaseRow, Share]:
    """Return the new row of the run that claims, and its share. `rows` are all rows of the limit.

    Until `quiet_until` nobody gets more than is held already: the rows are new, and there may be runs that
    have not been heard of yet.
    """
    others = [row for row in rows if is_live(row, now) and row.sharer.run != claim.sharer.run]
    is_known = any(row.sharer.run == claim.sharer.run and is_live(row, now) for row in rows)
    is_quiet = now < quiet_until
    held = claim.held if is_known or is_quiet else Held(sent=claim.held.sent)
    limit = lowest([claim.limit, *(row.limit for row in others)], claim.limit.name)
    target = _target(others, claim, limit, now)
    free = Held(
        rate=_free(limit.rate, [row.held.rate for row in others]),
        slots=_free(slots_of(limit.rate), [max(row.held.slots, row.held.sent) for row in others]),
        tokens=_free(limit.tpm, [row.held.tokens for row in others]),
    )
    if is_quiet:
        free = _least(free, held)
    given = _least(target, free)
    given = replace(given, rate=min(given.rate, given.slots / WINDOW_S))
    kept = Held(
        max(held.rate, given.rate),
        max(held.slots, given.slots, held.sent),
        max(held.tokens, given.tokens),
        held.sent,
    )
    row = LeaseRow(limit=claim.limit, sharer=claim.sharer, wish=claim.wish, held=kept, until=now + KEPT_S)
    labels = tuple((each.sharer.label, each.held.rate) for each in others)
    return row, Share(given.rate, given.slots, given.tokens, LEASE_S, limit, labels)


def released(claim: Claim, now: float) -> LeaseRow:
    """Return the row of a run that uses nothing more: its last requests count for a second."""
    held = Held(slots=claim.held.sent, sent=claim.held.sent)
    return LeaseRow(claim.limit, claim.sharer, Wish(0.0, 0.0), held, now + _COUNTED_S)


def _target(others: Sequence[LeaseRow], claim: Claim, limit: Limit, now: float) -> Held:
    """What the run would have if all had what is fair.

    Slots are whole: where they cannot be divided, the runs take turns with those that are left over.
    """
    everyone = sorted([*((row.sharer.run, row.wish) for row in others), (claim.sharer.run, claim.wish)])
    first = int(now / _TURN_S) % len(everyone)
    everyone = everyone[first:] + everyone[:first]
    wishes = [wish for _, wish in everyone]
    slots = fair_slots([_slots_for(wish.rate) for wish in wishes], slots_of(limit.rate))
    rates = fair_shares(
        [min(wish.rate, slot / WINDOW_S) for wish, slot in zip(wishes, slots, strict=True)], limit.rate
    )
    tokens = fair_shares([wish.tokens for wish in wishes], limit.tpm)
    at = next(n for n, (run, _) in enumerate(everyone) if run == claim.sharer.run)
    return Held(rates[at], slots[at], tokens[at])


def _slots_for(rate: float) -> float:
    """The slots that a run needs to keep to a rate evenly."""
    return float(math.ceil(rate * WINDOW_S)) if math.isfinite(rate) else math.inf


def _free(total: float, held: Sequence[float]) -> float:
    return max(0.0, total - sum(held)) if math.isfinite(total) else math.inf


def _least(one: Held, other: Held) -> Held:
    return Held(min(one.rate, other.rate), min(one.slots, other.slots), min(one.tokens, other.tokens))
