"""Max-min fairness: nobody gets more while another one, who wants more, has less."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["fair_shares", "fair_slots"]


def fair_shares(wishes: Sequence[float], total: float) -> list[float]:
    """Return the shares of `total` for wishes of at least 0, any of which may be infinite.

    Nobody gets more than the wish; what one leaves goes to the others. Of an infinite total everyone gets
    all.

    >>> fair_shares([5.0, math.inf, math.inf], 60.0)
    [5.0, 27.5, 27.5]
    """
    if math.isinf(total):
        return [math.inf] * len(wishes)
    shares, left = [0.0] * len(wishes), total
    order = sorted(range(len(wishes)), key=wishes.__getitem__)
    for place, index in enumerate(order):
        shares[index] = max(0.0, min(wishes[index], left / (len(order) - place)))
        left = max(0.0, left - shares[index])
    return shares


def fair_slots(needs: Sequence[float], total: float) -> list[float]:
    """Return the shares in whole numbers for whole needs; what is left over goes to the first who need more.

    >>> fair_slots([1, math.inf, math.inf], 6)
    [1.0, 3.0, 2.0]
    """
    if math.isinf(total):
        return [math.inf] * len(needs)
    slots, left = [0.0] * len(needs), total
    order = sorted(range(len(needs)), key=lambda index: (needs[index], -index))
    for place, index in enumerate(order):
        slots[index] = float(min(needs[index], left // (len(order) - place)))
        left -= slots[index]
    return slots
