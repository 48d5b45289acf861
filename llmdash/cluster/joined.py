"""Puts together what lets workers make the attempts of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from llmdash.cluster.asker import ClusterAsker
from llmdash.cluster.keyring import with_fingerprints, with_values
from llmdash.cluster.places import Place
from llmdash.cluster.scheduler import Scheduler
from llmdash.llms.recipe import ModelRecipe

__all__ = ["asker_at", "in_touch"]


def asker_at(place: Place, recipe_of: Callable[[str], ModelRecipe], *, send_keys: bool) -> ClusterAsker:
    """Return an Asker over the workers at a place. With `send_keys` they get the keys themselves, without it
    their fingerprints.
    """
    return ClusterAsker(place.name, recipe_of, with_values if send_keys else with_fingerprints)


@asynccontextmanager
async def in_touch(asker: ClusterAsker, place: Place, *, insecure: bool) -> AsyncIterator[None]:
    """A context in which the asker has a line to every worker at the place."""
    touch = asyncio.create_task(Scheduler(asker, place, insecure=insecure).keep_in_touch())
    try:
        yield
    finally:
        asker.close()
        touch.cancel()
        await asyncio.gather(touch, return_exceptions=True)
        place.close()
