"""What a frame depends on beside the run: the order and the tiles of each front end that watches it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from llmdash.engine.frames.job_finder import JobFinder
from llmdash.engine.frames.ordering import Ordering
from llmdash.engine.frames.tiles import Tiles
from llmdash.lean_dataclass import dataclass

__all__ = ["FrontEnd", "FrontEnds"]

_MOST = 16
_GONE_AFTER_S = 5.0


@dataclass(slots=True)
class FrontEnd:
    """What belongs to one front end: which job is on which line, which stream in which tile, and which job it
    looks for.
    """

    ordering: Ordering
    tiles: Tiles
    finder: JobFinder
    watched: frozenset[int] = frozenset()
    """The jobs whose text it shows."""
    asked_at: float = 0.0


class FrontEnds:
    """The front ends by their numbers; the ones that have not asked for longest are forgotten."""

    def __init__(self, make: Callable[[], FrontEnd]) -> None:
        self._make = make
        self._kept: OrderedDict[int, FrontEnd] = OrderedDict()

    def of(self, viewer: int, now: float) -> FrontEnd:
        """Return the front end that asks."""
        found = self._kept.get(viewer)
        if found is None:
            found = self._kept[viewer] = self._make()
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(viewer)
        found.asked_at = now
        return found

    def watched(self, now: float) -> frozenset[int]:
        """Return the jobs whose text any of them shows."""
        asking = (each.watched for each in self._kept.values() if now - each.asked_at < _GONE_AFTER_S)
        return frozenset().union(*asking)
