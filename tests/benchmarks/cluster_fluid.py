"""The cluster as flows: the highest rate at which every part of it keeps up, and which part binds.

A shard is one coordinator, its journal and its equal part of the workers and of the limit. Jobs reach a
worker at random, `a` a second; a message takes along what gathered in a period since the one before, or goes
with the first job after it: `1 / (period + exp(-a * period) / a)` messages a second. Once the coordinator's
core is full the period grows: messages become fewer and larger, and jobs wait longer for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.benchmarks.cluster_costs import Costs

__all__ = [
    "GATHER_S",
    "GROUP_ROWS",
    "MOST_ROWS",
    "ROWS_A_JOB",
    "Cluster",
    "Saturation",
    "added_s",
    "loads",
    "period_s",
    "saturation",
]

GATHER_S = 0.002
GROUP_ROWS = 256
MOST_ROWS = 4096
ROWS_A_JOB = 2
"""How the journal commits: after 2 ms or 256 rows, on a slow disk up to 4,096; a job has two rows."""

_STEPS = 60
_LEAST = 1e-9


@dataclass(frozen=True)
class Cluster:
    """`workers` processes with a core each, shared out evenly among `shards` coordinators.

    `rate` is the organisation's limit in jobs a second, all shards together; `in_flight` what one worker may
    have on its way. Messages go every `interval_s` at most; `longest_s` is how far apart they may get before
    the coordinator counts as full. `latency_s` is the provider's.
    """

    workers: int = 100
    jobs: int = 100_000_000
    shards: int = 1
    rate: float = math.inf
    in_flight: int = 2_500
    latency_s: float = 2.0
    chunks: int = 1
    interval_s: float = 0.02
    longest_s: float = 0.1
    costs: Costs = field(default_factory=Costs)

    @property
    def shard_workers(self) -> float:
        """Workers of one coordinator."""
        return self.workers / self.shards

    @property
    def job_s(self) -> float:
        """Seconds of the coordinator's core a job, messages left out."""
        costs = self.costs
        return (costs.engine + costs.hand_over + costs.journal_lock + self.chunks * costs.chunk_time) / 1e6

    @property
    def call_s(self) -> float:
        """Seconds of a worker's core a job, messages left out."""
        return (self.costs.call + self.chunks * self.costs.chunk) / 1e6


class Saturation(NamedTuple):
    """Jobs a second of the whole cluster and of each shard, and the part that lets through no more."""

    rate: float
    of_shard: float
    binding: str


def saturation(cluster: Cluster) -> Saturation:
    """Find the highest rate at which no part has more to do than it can."""
    low, high = 0.0, 1 / max(cluster.job_s, _LEAST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if max(loads(cluster, middle).values()) <= 1 else (low, middle)
    load = loads(cluster, high)
    return Saturation(low * cluster.shards, low, max(load, key=lambda part: load[part]))


def loads(cluster: Cluster, rate: float) -> dict[str, float]:
    """How full each part of one shard is at `rate` jobs a second of this shard: 1 is all it can."""
    parts: dict[str, Callable[[Cluster, float], float]] = {
        "coordinator": _coordinator,
        "journal": _journal,
        "workers": _workers,
        "in flight": _in_flight,
        "limit": lambda cluster, rate: rate * cluster.shards / cluster.rate,
    }
    return {name: load(cluster, rate) for name, load in parts.items()}


def messages(cluster: Cluster, rate: float, period: float) -> float:
    """Messages a second each way between a coordinator and one worker, `period` seconds apart at least."""
    arrivals = rate / cluster.shard_workers
    return 1 / (period + _idle_s(arrivals, period)) if arrivals else 0.0


def period_s(cluster: Cluster, rate: float) -> float:
    """Seconds from a message to the next one at least: the interval, or more on a full coordinator."""
    arrivals = rate / cluster.shard_workers
    left = max(1 - rate * cluster.job_s, _LEAST)
    apart = 2 * cluster.shard_workers * cluster.costs.message / 1e6 / left
    low, high = cluster.interval_s, apart
    if not arrivals or low + _idle_s(arrivals, low) >= apart:
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle + _idle_s(arrivals, middle) < apart else (low, middle)
    return high


def _idle_s(arrivals: float, period: float) -> float:
    """Seconds after a period until there is a job to send: mostly there is one already."""
    return math.exp(-arrivals * period) / arrivals


def added_s(cluster: Cluster, rate: float) -> float:
    """Seconds from permit to recorded answer on average that are not the provider's.

    Gathering takes half a period, but for the job that did not wait. On a full coordinator a job also waits
    for its turn, a period at most, before it is begun and once it is answered: the sum is an upper bound.
    """
    period = period_s(cluster, rate)
    batch = rate / cluster.shard_workers * period
    gathering = period / 2 * batch / (batch + math.exp(-batch))
    turns = 2 * period if period > cluster.interval_s else 0.0
    journal = GATHER_S + cluster.costs.commit / 1e6
    return 2 * gathering + turns + journal + cluster.call_s


def _coordinator(cluster: Cluster, rate: float) -> float:
    fewest = messages(cluster, rate, max(cluster.longest_s, cluster.interval_s))
    return rate * cluster.job_s + 2 * cluster.shard_workers * fewest * cluster.costs.message / 1e6


def _journal(cluster: Cluster, rate: float) -> float:
    groups = ROWS_A_JOB * rate / MOST_ROWS  # at least: a slow disk makes them as large as they may be
    return (rate * cluster.costs.journal + groups * cluster.costs.commit) / 1e6


def _workers(cluster: Cluster, rate: float) -> float:
    sent = 2 * messages(cluster, rate, period_s(cluster, rate)) * cluster.costs.worker_message / 1e6
    return rate / cluster.shard_workers * cluster.call_s + sent


def _in_flight(cluster: Cluster, rate: float) -> float:
    on_their_way = rate * (cluster.latency_s + added_s(cluster, rate))
    return on_their_way / (cluster.shard_workers * cluster.in_flight)
