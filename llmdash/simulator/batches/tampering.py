"""Results that are not as they should be: lines left out, twice, cut, of somebody else, in any order."""

from __future__ import annotations

import random
from collections.abc import Generator

from llmdash.simulator.batches.orders import BatchOrders
from llmdash.simulator.batches.spool import LineSpool

__all__ = ["tampered"]

_FOREIGN = b"not-of-this-batch-%d"


def tampered(lines: LineSpool, orders: BatchOrders, seed: str) -> Generator[None, None, LineSpool]:
    """Return the lines as ordered; yields after each, so that other work can be done meanwhile."""
    if not (orders.dropped or orders.doubled or orders.garbled or orders.foreign or orders.shuffled):
        return lines
    rng = random.Random(seed)
    order = list(range(len(lines)))
    rng.shuffle(order)
    dropped = set(order[: orders.dropped])
    doubled = order[orders.dropped :][: orders.doubled]
    garbled = set(order[orders.dropped + orders.doubled :][: orders.garbled])
    places = [*range(len(lines)), *doubled]
    if orders.shuffled:
        rng.shuffle(places)
    found = LineSpool()
    for place in places:
        if place not in dropped:
            line = lines[place].rstrip(b"\n")
            found.add(line[: len(line) // 2] if place in garbled else line)
        yield
    for number in range(orders.foreign if len(lines) else 0):
        found.add(_renamed(lines[number % len(lines)].rstrip(b"\n"), _FOREIGN % number))
    return found


def _renamed(line: bytes, name: bytes) -> bytes:
    """A line with another id; `custom_id` is the first field of that name in each shape."""
    before, mark, after = line.partition(b'"custom_id":"')
    end = after.index(b'"')
    return before + mark + name + after[end:]
