"""Garbage is looked for while nobody waits."""

from __future__ import annotations

import gc
from weakref import ref

import pytest

from llmdash.ui.services.idle_collection import IdleCollection


class Ring:
    def __init__(self) -> None:
        self.itself = self


def old_ring() -> ref[Ring]:
    """Garbage that only a look at all objects finds; after ten looks at younger ones it is due."""
    ring = Ring()
    for _look in range(10):
        gc.collect(1)
    return ref(ring)


@pytest.mark.parametrize(("quiet_s", "collected"), [(1.9, False), (2.0, True)])
def test_all_objects_are_looked_at_once_the_user_has_done_nothing_for_a_while(
    quiet_s: float, *, collected: bool
) -> None:
    now = 100.0
    collection = IdleCollection(lambda: now)
    gc.collect()
    ring = old_ring()
    now = 500.0
    collection.wait()
    now += quiet_s
    collection.look()
    assert (ring() is None) is collected


def test_where_little_was_made_nothing_is_looked_at() -> None:
    gc.collect()
    ring = ref(Ring())
    now = 100.0
    collection = IdleCollection(lambda: now)
    now += 3_600.0
    collection.look()
    assert ring() is not None
    gc.collect()
    assert ring() is None
