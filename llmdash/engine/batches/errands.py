"""Errands: what a run is opened for that only looks after its batches, and then ends."""

from __future__ import annotations

import time
from collections.abc import Iterable

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.model.batch_terms import BatchErrand, BatchPace
from llmdash.engine.model.states import BatchState

__all__ = ["Errands"]

_MORE_S = 60.0
_NOT_SENT = (BatchState.PLANNED, BatchState.UPLOADED)
_ON_ITS_WAY = (BatchState.CREATING, BatchState.ENDED)
"""States that one look does not settle: it is looked for, or its results are fetched."""


class Errands:
    """Tells the batches what the errand is, and whether it is done: at the latest after as long as a search
    for a batch takes, and a minute, if the service does not answer.
    """

    def __init__(self, errand: BatchErrand, pace: BatchPace) -> None:
        self._errand = errand
        self._ends_at = time.monotonic() + max(pace.search, default=0.0) + _MORE_S

    def begin(self, batches: Iterable[SentBatch]) -> None:
        """Note what is wanted of these batches, before any is carried on."""
        adopted = dict((self._errand.adopts,) if self._errand.adopts is not None else ())
        for batch in batches:
            if batch.number in self._errand.cancels:
                batch.is_wanted_back = True
                batch.may_be_given_up = batch.state is BatchState.HELD
            batch.adopted_id = adopted.get(batch.number)

    def are_done(self, batches: Iterable[SentBatch]) -> bool:
        """True once nothing is to be waited for at these batches, which are all that are open."""
        wanted = set(self._errand.cancels)
        if self._errand.adopts is not None:
            wanted.add(self._errand.adopts[0])
        concerned = [each for each in batches if not wanted or each.number in wanted]
        return all(map(self._is_settled, concerned))

    def _is_settled(self, batch: SentBatch) -> bool:
        if batch.adopted_id is not None:
            return self._is_late
        is_freed = batch.is_given_up or batch.may_be_given_up
        if (batch.needs_user and not is_freed) or (batch.state in _NOT_SENT and not batch.is_wanted_back):
            return True
        if self._errand.waits:
            return False
        if self._is_late and batch.waits_for:
            return True
        if batch.state in (*_NOT_SENT, *_ON_ITS_WAY):
            return False
        is_to_end = batch.is_wanted_back or batch.record.cancel_at is not None
        return batch.status is not None and (batch.is_told.is_set() or not is_to_end)

    @property
    def _is_late(self) -> bool:
        return time.monotonic() >= self._ends_at
