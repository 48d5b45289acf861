"""The simulator's statistics: requests by key and by second, answers right and wrong."""

from __future__ import annotations

import enum
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

from llmdash.simulator.answers import Completion

__all__ = ["Outcome", "Stats"]

_MOST_STRANGERS = 1_000  # unknown keys that are listed by name; the rest are counted together
_MOST_MODELS = 1_000
_OTHERS = "(other unknown keys)"
_MOST_ARRIVALS = 1_000_000


class Outcome(enum.StrEnum):
    """How a request ended. REFUSED is 401; THROTTLED is 429; ERROR is any other error status.

    DROPPED means that the client closed the connection before the whole response was sent.
    """

    OK = "ok"
    THROTTLED = "throttled"
    REFUSED = "refused"
    ERROR = "errors"
    DROPPED = "dropped"


class Stats:
    """Counts of the POST requests to `/v1`, in any dialect.

    For each key: requests = ok + throttled + refused + errors + dropped + those in progress. Times are those
    of the server's monotonic clock, in seconds.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._by_key = {key: self._row() for key in keys}
        self._known = len(keys)
        self._by_second: Counter[int] = Counter()
        self._arrivals = array("d")
        self._requests = 0
        self._faults: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._right = 0
        self._wrong = 0

    @staticmethod
    def _row() -> dict[str, int]:
        return {"requests": 0, **{outcome.value: 0 for outcome in Outcome}}

    def arrived(self, key: str, at: float) -> dict[str, int]:
        """Count a request that arrived at `at`. Returns the row in which `ended` counts its outcome."""
        self._requests += 1
        self._by_second[int(at)] += 1
        self._arrivals.append(at)
        if len(self._arrivals) > _MOST_ARRIVALS:
            del self._arrivals[: _MOST_ARRIVALS // 2]
        row = self._row_of(key)
        row["requests"] += 1
        return row

    def _row_of(self, key: str) -> dict[str, int]:
        row = self._by_key.get(key)
        if row is None:
            crowded = len(self._by_key) - self._known >= _MOST_STRANGERS
            row = self._by_key.setdefault(_OTHERS if crowded else key, self._row())
        return row

    def asked(self, model: str) -> None:
        """Count a request for a model; of too many models the further ones are counted together."""
        crowded = len(self._models) >= _MOST_MODELS and model not in self._models
        self._models["(other models)" if crowded else model[:200]] += 1

    def served(self, fault: str) -> None:
        """Count a fault that is served."""
        self._faults[fault] += 1

    def ended(self, row: dict[str, int], outcome: Outcome, answers: Sequence[Completion] = ()) -> None:
        """Count how the request of `row` ended.

        The arithmetic in its answers is counted only if they were sent whole.
        """
        row[outcome] += 1
        if outcome is Outcome.OK:
            for answer in answers:
                self._right += answer.right is True
                self._wrong += answer.right is False

    def report(self, arrivals: bool = False) -> dict[str, Any]:
        """Return the counts as `GET /__sim__/stats` returns them; with every arrival's time if asked for."""
        report: dict[str, Any] = {
            "requests": self._requests,
            "by_key": self._by_key,
            "by_second": sorted(self._by_second.items()),
            "faults": self._faults,
            "models": self._models,
            "right": self._right,
            "wrong": self._wrong,
        }
        if arrivals:
            report["arrivals"] = self._arrivals.tolist()
        return report
