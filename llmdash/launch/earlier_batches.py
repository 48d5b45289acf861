"""How long the batches of kept runs took, for the forecast of the next ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from llmdash.engine.journal.file import JournalError, StorageError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.states import BatchState
from llmdash.launch.kept_prices import places_in
from llmdash.runs.catalogue import run_folders

__all__ = ["EarlierBatches"]

_MOST_RUNS = 100
"""The kept runs that are looked at, the newest of them: a millisecond or two each."""
_MOST = 20
_FRESH_S = 600.0


class EarlierBatches:
    """Looks into the journals of kept runs but the one in `own`; `places` has the base URL of each endpoint.

    It may take a tenth of a second, so it is asked on a thread of its own; what it found is good for ten
    minutes. A run that is gone, or cannot be read, counts as one without batches.
    """

    def __init__(
        self, own: Path, places: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._own = own
        self._places = places
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Sequence[float]]] = {}

    def __call__(self, endpoint: str, model: str) -> Sequence[float]:
        """Return how many seconds the last batches of a model took at the place of an endpoint, the newest
        run first.
        """
        at, found = self._known.get((endpoint, model), (0.0, None))
        if found is None or self._clock() - at > _FRESH_S:
            found = self._looked_up(self._places.get(endpoint, ""), model)
            self._known[endpoint, model] = self._clock(), found
        return found

    def _looked_up(self, place: str, model: str) -> Sequence[float]:
        found: list[float] = []
        if not place:
            return found
        try:
            for folder in islice(run_folders(), _MOST_RUNS):
                if folder != self._own:
                    found += _took(folder, place, model)
                if len(found) >= _MOST:
                    break
        except StorageError:
            pass  # the forecast goes without
        return found[:_MOST]


def _took(folder: Path, place: str, model: str) -> Sequence[float]:
    """How long the batches of a run took that came back from there, the last one first."""
    try:
        return list(_closed(JournalReader(folder), place, model))[::-1]
    except (JournalError, OSError, ValueError):
        return ()


def _closed(reader: JournalReader, place: str, model: str) -> Iterator[float]:
    records = [
        each
        for each in reader.batches.records()
        if each.state == BatchState.CLOSED.value and each.model == model and each.provider_id is not None
    ]
    facts = reader.facts() if records else {}
    places = {} if facts.get("simulator") else places_in(facts)
    for each in records:
        if each.ended_at is not None and places.get(each.endpoint) == place:
            yield max(0.0, each.ended_at - each.planned_at)
