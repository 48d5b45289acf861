"""Gauges: what a frame is built from beside the store; a run under way has them over its parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.runner import BatchRunner
from llmdash.engine.frames.figures import Figures
from llmdash.engine.model.frame import AutoPart, BatchRow, EndpointRow, KeyRow, SharedLimitRow, WorkerRow
from llmdash.engine.model.states import JobState
from llmdash.engine.pool.costs import Spending

__all__ = ["Gauges", "LiveGauges", "Slots", "is_full"]

_NEARLY_FULL = 0.8
"""The share of the slots in flight from which on those that are just changing hands do not matter."""


class Gauges(Protocol):
    """Keys, endpoints, workers and limits of a run, under way or on record. Called from any thread."""

    def keys(self) -> tuple[KeyRow, ...]:
        """Return the keys in their order."""

    def endpoints(self) -> tuple[EndpointRow, ...]:
        """Return the endpoints in their order."""

    def limits(self) -> tuple[SharedLimitRow, ...]:
        """Return the limits that are shared with other runs."""

    def workers(self) -> Sequence[WorkerRow]:
        """Return the workers in the order of joining, without what they have done."""

    def watch(self, jobs: Collection[int]) -> None:
        """Note that the answers of these jobs are on screen."""

    def due_at(self, job: int) -> float | None:
        """Return when the backoff of `job` ends, on the clock of the store; None if it is in none."""

    @property
    def cluster(self) -> str:
        """The address of the scheduler, empty where there is none."""

    @property
    def rate(self) -> float | None:
        """The rate as it is set, in requests a second."""

    @property
    def auto(self) -> AutoPart:
        """What was found by itself."""

    @property
    def waits_for_auto(self) -> bool:
        """True if the rate that was found by itself holds requests up."""

    @property
    def concurrency(self) -> int:
        """The most requests in flight at once, as it is set."""

    @property
    def in_flight(self) -> int:
        """The requests in flight, without jobs whose result is being written."""

    @property
    def waits_for_rate(self) -> bool:
        """True if a request waits for the rate alone."""

    @property
    def permit_at(self) -> float | None:
        """When the next request is within the rate, on the clock of the store; None where that is unknown."""

    @property
    def waits_for_share(self) -> bool:
        """True if a limit that is shared with other runs holds requests up."""

    @property
    def retries_held(self) -> bool:
        """True if retries wait for the retry budget."""

    @property
    def spending(self) -> Spending:
        """The tokens of all answered attempts that were sent one by one."""

    @property
    def batch_spending(self) -> Spending:
        """Those of attempts in batches."""

    def batches(self) -> tuple[BatchRow, ...]:
        """Return the batches, by their numbers."""


class Slots(Protocol):
    """What decides whether the concurrency limits the rate."""

    @property
    def concurrency(self) -> int: ...
    @property
    def waits_for_rate(self) -> bool: ...


def is_full(store: Figures, gauges: Slots) -> bool:
    """True if the concurrency limits the rate: each slot has a job, and none waits for a permit."""
    if gauges.waits_for_rate:
        return False
    in_flight, concurrency = store.in_flight, gauges.concurrency
    taken = in_flight + store.columns.counts[JobState.LIMITER]
    return taken >= concurrency and in_flight >= _NEARLY_FULL * concurrency


class LiveGauges:
    """The gauges of a run under way."""

    def __init__(
        self,
        parts: RunnerParts,
        runner: BatchRunner,
        batches: Callable[[], tuple[BatchRow, ...]] = tuple,
    ) -> None:
        self._parts = parts
        self._runner = runner
        self.keys = parts.pool.statistics
        self.endpoints = parts.pool.endpoint_statistics
        self.due_at = parts.queue.due_at
        self.workers = parts.asker.workers
        self.watch = parts.asker.watch
        self.spending = parts.pool.spending
        self.batch_spending = parts.pool.batch_spending
        self.batches = batches

    def limits(self) -> tuple[SharedLimitRow, ...]:
        return tuple(limit.row() for limit in self._parts.pool.shared_limits)

    @property
    def cluster(self) -> str:
        return self._parts.asker.address

    @property
    def rate(self) -> float | None:
        return self._parts.limiter.rate

    @property
    def auto(self) -> AutoPart:
        return self._parts.pool.auto(self._parts.limiter.rate)

    @property
    def waits_for_auto(self) -> bool:
        return self._parts.pool.waits_for_auto

    @property
    def concurrency(self) -> int:
        return self._runner.concurrency

    @property
    def in_flight(self) -> int:
        return self._runner.in_flight

    @property
    def waits_for_rate(self) -> bool:
        return bool(self._parts.limiter.statistics().waiting)

    @property
    def permit_at(self) -> float | None:
        return self._parts.limiter.statistics().next_at

    @property
    def waits_for_share(self) -> bool:
        return any(limit.holds_up for limit in self._parts.pool.shared_limits)

    @property
    def retries_held(self) -> bool:
        return self._parts.budget.is_short
