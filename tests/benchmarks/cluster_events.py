"""The same cluster, event by event: one shard and a small batch, to check the flows with.

The coordinator does one thing at a time, in the order in which things come up; what a message takes along is
decided when its turn comes. The provider's latency varies by half, at random from a seed.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import NamedTuple

from tests.benchmarks.cluster_fluid import GATHER_S, GROUP_ROWS, MOST_ROWS, ROWS_A_JOB, Cluster

__all__ = ["Outcome", "simulate"]

_PERMITS_S = 0.01
_SLICE = 16
"""Permits are given every 10 ms, and the jobs are begun 16 at a time."""

Then = Callable[[], None]


@dataclass(frozen=True)
class Outcome:
    """What came of a batch. Seconds and rates are of the middle half of the answers."""

    done: int
    rate: float
    added_s: float
    worker_busy: float
    messages: float
    """A second, both ways, all workers together."""


@dataclass
class _Server:
    """Does one thing at a time: each waiting task is asked at its turn how long it takes."""

    clock: _Clock
    waiting: deque[tuple[Callable[[], float], Then]] = field(default_factory=deque)
    busy: bool = False
    busy_s: float = 0.0

    def do(self, begin: Callable[[], float], end: Then) -> None:
        self.waiting.append((begin, end))
        if not self.busy:
            self._next()

    def _next(self) -> None:
        self.busy = bool(self.waiting)
        if self.busy:
            begin, end = self.waiting.popleft()
            took = begin()
            self.busy_s += took
            self.clock.after(took, lambda: self._ended(end))

    def _ended(self, end: Then) -> None:
        end()
        self._next()


class _Clock:
    """Virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Then]] = []
        self._numbers = count()

    def after(self, seconds: float, event: Then) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def step(self) -> None:
        self.now, _, event = heapq.heappop(self._events)
        event()


class _Batcher:
    """Sends what gathers, one message at a time and every `interval_s` at most."""

    def __init__(self, clock: _Clock, interval_s: float, send: Callable[[], None]) -> None:
        self.gathered: list[float] = []
        self._clock, self._interval_s, self._send = clock, interval_s, send
        self._sent_at = -interval_s
        self._outstanding = False

    def add(self, permit_at: float) -> None:
        self.gathered.append(permit_at)
        self._schedule()

    def take(self) -> list[float]:
        taken, self.gathered = self.gathered, []
        return taken

    def arrived(self) -> None:
        self._outstanding = False
        self._schedule()

    def _schedule(self) -> None:
        if self.gathered and not self._outstanding:
            self._outstanding = True
            self._clock.after(max(0.0, self._sent_at + self._interval_s - self._clock.now), self._go)

    def _go(self) -> None:
        self._sent_at = self._clock.now
        self._send()


class _Worker:
    """A core for calls and messages, and the provider behind it. A job is the time of its permit."""

    def __init__(self, shard: _Shard) -> None:
        self._shard = shard
        self.free = shard.cluster.in_flight
        self.core = _Server(shard.clock)
        interval_s = shard.cluster.interval_s
        self.out = _Batcher(shard.clock, interval_s, self._put)
        self.back = _Batcher(shard.clock, interval_s, self._answer)

    def _put(self) -> None:
        taken: list[float] = []

        def begin() -> float:
            taken.extend(self.out.take())
            return self._shard.message_s

        def end() -> None:
            self._shard.messages += 1
            self.out.arrived()
            self.core.do(lambda: self._shard.worker_message_s, lambda: None)
            for permit_at in taken:
                self._call(permit_at)

        self._shard.coordinator.do(begin, end)

    def _call(self, permit_at: float) -> None:
        latency_s = self._shard.latency_s()
        self.core.do(
            lambda: self._shard.cluster.call_s,
            lambda: self._shard.clock.after(latency_s, lambda: self.back.add(permit_at + latency_s)),
        )

    def _answer(self) -> None:
        taken: list[float] = []

        def packed() -> float:
            taken.extend(self.back.take())
            return self._shard.worker_message_s

        def end() -> None:
            self._shard.messages += 1
            self.back.arrived()
            self.free += len(taken)
            for began in taken:
                self._shard.answered(began)

        def arrive() -> None:
            cost = self._shard.message_s + len(taken) * self._shard.half_job_s
            self._shard.coordinator.do(lambda: cost, end)

        self.core.do(packed, arrive)


def simulate(cluster: Cluster, seed: int = 1) -> Outcome:
    """Run the whole batch of a cluster with one shard. Raises ValueError if it has more."""
    if cluster.shards != 1:
        raise ValueError("one shard at a time")
    shard = _Shard(cluster, seed)
    first = _read_at(shard, cluster.jobs // 4)
    last = _read_at(shard, cluster.jobs * 3 // 4)
    _read_at(shard, cluster.jobs)
    seconds = last.at - first.at
    return Outcome(
        done=shard.ended,
        rate=(last.ended - first.ended) / seconds,
        added_s=(last.added_s - first.added_s) / (last.ended - first.ended),
        worker_busy=(last.worker_s - first.worker_s) / seconds / cluster.workers,
        messages=(last.messages - first.messages) / seconds,
    )


class _Reading(NamedTuple):
    """What has been counted at a time."""

    at: float
    ended: int
    added_s: float
    worker_s: float
    messages: int


def _read_at(shard: _Shard, jobs: int) -> _Reading:
    """Let time pass until `jobs` have ended."""
    while shard.ended < jobs:
        shard.clock.step()
    worker_s = sum(worker.core.busy_s for worker in shard.workers)
    return _Reading(shard.clock.now, shard.ended, shard.added_s, worker_s, shard.messages)


class _Shard:
    """One coordinator with its journal and workers, and what came of its jobs."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        costs = cluster.costs
        self.cluster, self.clock, self._random = cluster, _Clock(), random.Random(seed)
        self.half_job_s = cluster.job_s / 2
        self.message_s, self.worker_message_s = costs.message / 1e6, costs.worker_message / 1e6
        self.coordinator, self._journal = _Server(self.clock), _Server(self.clock)
        self.workers = [_Worker(self) for _ in range(cluster.workers)]
        self.messages = 0
        self._rows: list[Then] = []
        self._flushed: list[Then] = []
        self._writing: list[Then] = []
        self._group = 0
        self._given = 0
        self.ended, self.added_s = 0, 0.0
        self._give()

    def latency_s(self) -> float:
        """The provider's, of one call."""
        return self.cluster.latency_s * self._random.uniform(0.5, 1.5)

    def _give(self) -> None:
        """Give permits to as many jobs as the limit and the workers have room for."""
        due = int(min(self.cluster.jobs, self.cluster.rate * (self.clock.now + _PERMITS_S)))
        free = sum(worker.free for worker in self.workers)
        permits = min(due - self._given, free)
        for begun in range(0, permits, _SLICE):
            self._admit([self._placed() for _ in range(min(_SLICE, permits - begun))])
        if self._given < self.cluster.jobs:
            self.clock.after(_PERMITS_S, self._give)

    def _placed(self) -> _Worker:
        """The worker of the next job: each in turn, and the one with most room where there is none."""
        worker = self.workers[self._given % len(self.workers)]
        if not worker.free:
            worker = max(self.workers, key=lambda each: each.free)
        worker.free -= 1
        self._given += 1
        return worker

    def _admit(self, workers: list[_Worker]) -> None:
        permit_at = self.clock.now

        def end() -> None:
            for worker in workers:
                self._write(partial(worker.out.add, permit_at))

        self.coordinator.do(lambda: len(workers) * self.half_job_s, end)

    def answered(self, began: float) -> None:
        """`began` is the permit's time, later by the provider's latency."""
        self.ended += 1
        self.added_s += self.clock.now - began
        self._write(lambda: None)

    def _write(self, then: Then) -> None:
        self._rows.append(then)
        if len(self._rows) == 1:
            group = self._group
            self.clock.after(GATHER_S, lambda: self._flush(group))
        if len(self._rows) >= GROUP_ROWS:
            self._flush(self._group)

    def _flush(self, group: int) -> None:
        if group != self._group or not self._rows:
            return
        self._flushed += self._rows
        self._rows, self._group = [], group + 1
        if not self._journal.waiting:
            self._journal.do(self._commit, self._committed)

    def _commit(self) -> float:
        """Write what waits for the disk together, at most so many rows. Return how long that takes."""
        self._writing, self._flushed = self._flushed[:MOST_ROWS], self._flushed[MOST_ROWS:]
        costs = self.cluster.costs
        return (costs.commit + len(self._writing) * costs.journal / ROWS_A_JOB) / 1e6

    def _committed(self) -> None:
        if self._flushed and not self._journal.waiting:
            self._journal.do(self._commit, self._committed)
        _call_all(self._writing)


def _call_all(rows: list[Then]) -> None:
    for then in rows:
        then()
