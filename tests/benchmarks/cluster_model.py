"""A model of a big cluster: how many jobs a second it manages, what binds, and what sharding gives.

`python -m tests.benchmarks.cluster_model [--workers N] [--jobs N] [--shards N ...] [--rate R] [--latency S]
[--chunks N] [--in-flight N] [--cost NAME=US ...]` prints a table, what it says, and what it rests on. Each
line of the table is the state at saturation, from flows; `cluster_events.py` checks them event by event.

What it assumes:

- A coordinator is one Python thread with a core of its own. It begins and ends jobs, hands them to workers in
  batches over a connection each, and writes its journal on a second thread and a disk of its own.
- The two threads share the interpreter's lock: the journal's processor time is the coordinator's as well.
- Messages go every 20 ms at most, each way. Each has a fixed cost, so a full coordinator sends fewer and
  larger ones. It is saturated (100 %) once a worker hears from it less often than every 100 ms: its share in
  the table counts messages as rare as that.
- Prompts go straight to the workers: Dask's scheduler is not on the way. Networks are never full.
- A worker is one process with a core of its own. The provider answers all there is, each in 2 s on average.
- Sharding means a file, a coordinator, a journal and an equal part of the workers each; the shards share one
  limit by leases, whose cost (one every second or so) is left out, and none waits for another.
- Nothing fails: no retries, no rests, no lost workers.
- Nobody watches: an open dashboard and watched streams cost the coordinator more.
- A job costs the same however many there are; memory was measured with a million jobs, not with more.
- The journal commits after 2 ms or 256 rows; what waits for the disk is written together, 4,096 rows at most.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tests.benchmarks.cluster_costs import COLUMN_BYTES, INDEX_BYTES, JOURNAL_BYTES, Costs, parsed_cost
from tests.benchmarks.cluster_fluid import Cluster, Saturation, added_s, loads, period_s, saturation

__all__ = ["assumptions", "main", "sentences", "table"]

SHARDS = (1, 2, 4, 8, 16)
MANY_CHUNKS = 100
_NO_GAIN = 1.02
"""Times as much as with fewer shards: below it, sharding gives nothing."""
_MOST = 10**12
_LONGEST_S = 86_400
_SLOWEST = 0.001


def table(cluster: Cluster, shards: Sequence[int]) -> str:
    """A line for each number of shards, at saturation."""
    parts = [*loads(cluster, 0.0)]
    heading = ("shards", "jobs/s", "hours", "binding", *parts, "idle worker", "added", "memory each")
    lines = [heading, *(_line(replace(cluster, shards=number)) for number in shards)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def _line(cluster: Cluster) -> tuple[str, ...]:
    found = saturation(cluster)
    load = loads(cluster, found.of_shard)
    return (
        str(cluster.shards),
        f"{found.rate:,.0f}",
        f"{_hours(cluster, found):,.1f}",
        found.binding,
        *(f"{share:.0%}" for share in load.values()),
        f"{1 - load['workers']:.0%}",
        f"{added_s(cluster, found.of_shard) * 1000:,.0f} ms",
        f"{_memory_gb(cluster):,.1f} GB",
    )


def _hours(cluster: Cluster, found: Saturation) -> float:
    """From the first permit to the last answer."""
    last_s = cluster.latency_s + added_s(cluster, found.of_shard)
    return (cluster.jobs / found.rate + last_s) / 3600


def _memory_gb(cluster: Cluster) -> float:
    """Of one coordinator, for its jobs alone."""
    return cluster.jobs / cluster.shards * (COLUMN_BYTES + INDEX_BYTES) / 1e9


def sentences(cluster: Cluster, shards: Sequence[int]) -> list[str]:
    """What the table says, in words."""
    one = replace(cluster, shards=1)
    alone = saturation(one)
    return [
        _of_one(one, alone),
        _of_messages(one, alone),
        *_of_sharding(cluster, shards),
        _of_chunks(one),
        _of_room(one),
    ]


def _of_room(one: Cluster) -> str:
    return (
        f"{one.jobs:,} jobs take {_memory_gb(one):,.1f} GB of memory ({COLUMN_BYTES} bytes of columns and "
        f"{INDEX_BYTES} of index each) and {one.jobs * JOURNAL_BYTES / 1e9:,.1f} GB of disk for journals, "
        "shared out among the shards."
    )


def _of_one(one: Cluster, alone: Saturation) -> str:
    return (
        f"One coordinator does {alone.rate:,.0f} jobs/s, where {_bound(alone.binding)}: "
        f"{_hours(one, alone):,.1f} hours. Its jobs take {alone.rate * one.job_s:.0%} of its core."
    )


def _of_messages(one: Cluster, alone: Saturation) -> str:
    period = period_s(one, alone.of_shard) * 1000
    if period <= one.interval_s * 1000:
        return f"A worker gets a message every {period:.0f} ms at most; a job takes {_added(one, alone)}."
    return (
        f"Messages take the rest of its core: they go every {period:.0f} ms instead of every "
        f"{one.interval_s * 1000:.0f}, and a job takes {_added(one, alone)}."
    )


def _added(one: Cluster, alone: Saturation) -> str:
    return f"at most {added_s(one, alone.of_shard) * 1000:,.0f} ms longer than the provider"


def _of_sharding(cluster: Cluster, shards: Sequence[int]) -> list[str]:
    """What each step gives, and from where on another one gives nothing."""
    found = [(number, saturation(replace(cluster, shards=number))) for number in sorted({1, *shards})]
    lines = []
    for (fewer, before), (more, after) in pairwise(found):
        if after.rate < before.rate * _NO_GAIN:
            lines.append(f"{_beyond(fewer)} nothing: {_bound(after.binding)}.")
            break
        times = after.rate / found[0][1].rate
        why = ": each has fewer workers to write to" if times > more else ""
        lines.append(f"{more} shards do {times:.1f} times as much as one{why}.")
    return lines


def _beyond(shards: int) -> str:
    return "Sharding gives" if shards == 1 else f"More than {shards} shards give"


def _of_chunks(one: Cluster) -> str:
    many = saturation(replace(one, chunks=MANY_CHUNKS))
    return (
        f"With {MANY_CHUNKS} chunks an answer one coordinator does {many.rate:,.0f} jobs/s, "
        f"where {_bound(many.binding)}."
    )


def _bound(part: str) -> str:
    return {
        "coordinator": "the coordinator's core binds",
        "journal": "the journal binds",
        "workers": "the workers' cores bind",
        "in flight": "what workers may have in flight binds",
        "limit": "the organisation's limit binds",
    }[part]


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def assumptions(cluster: Cluster) -> list[str]:
    """What the figures rest on: the sentences above, and each cost with its source."""
    _, _, assumed = (__doc__ or "").partition("What it assumes:\n\n")
    sources = [
        f"{name:15} {getattr(cluster.costs, name):7,.1f} µs  {_source(cluster.costs, name, source)}"
        for name, source in Costs.sources()
    ]
    return [*assumed.strip().splitlines(), "", *sources]


def _source(costs: Costs, name: str, source: str) -> str:
    return source if getattr(costs, name) == getattr(Costs(), name) else "as given"


def _whole(text: str) -> int:
    number = int(text.replace(",", ""))
    if not 1 <= number <= _MOST:
        raise ValueError(f"{text} is not from 1 to {_MOST:,}")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text} is not above 0 and up to {_LONGEST_S:,}")
    return seconds


def _rate(text: str) -> float:
    rate = float(text)
    if not rate >= _SLOWEST:
        raise ValueError(f"{text} is not {_SLOWEST} or more")
    return rate


def _arguments(words: Sequence[str] | None) -> tuple[Cluster, list[int]]:
    default = Cluster()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=_whole, default=default.workers, metavar="N")
    parser.add_argument("--jobs", type=_whole, default=default.jobs, metavar="N")
    parser.add_argument("--shards", type=_whole, nargs="+", default=list(SHARDS), metavar="N")
    parser.add_argument("--rate", type=_rate, default=math.inf, metavar="R", help="the limit, jobs a second")
    parser.add_argument("--latency", type=_seconds, default=default.latency_s, metavar="S")
    parser.add_argument("--chunks", type=_whole, default=default.chunks, metavar="N", help="chunks an answer")
    parser.add_argument(
        "--in-flight", type=_whole, default=default.in_flight, metavar="N", help="of a worker"
    )
    parser.add_argument("--cost", type=parsed_cost, action="append", default=[], metavar="NAME=US")
    asked = parser.parse_args(words)
    if max(asked.shards) > asked.workers:
        parser.error(f"{max(asked.shards)} shards need as many workers, not {asked.workers}")
    cluster = Cluster(
        workers=asked.workers,
        jobs=asked.jobs,
        rate=asked.rate,
        in_flight=asked.in_flight,
        latency_s=asked.latency,
        chunks=asked.chunks,
        costs=Costs().changed(dict(asked.cost)),
    )
    return cluster, asked.shards


def _heading(cluster: Cluster) -> str:
    limit = "no limit" if math.isinf(cluster.rate) else f"a limit of {cluster.rate:,g} jobs/s"
    return (
        f"{cluster.workers:,} workers, {cluster.jobs:,} jobs, {limit}; the provider answers in "
        f"{cluster.latency_s:g} s with {cluster.chunks:,} {_plural('chunk', cluster.chunks)}; "
        f"{cluster.in_flight:,} in flight a worker"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print the table of the cluster that `words` ask for, or the command line."""
    cluster, shards = _arguments(words)
    blocks = ([_heading(cluster)], [table(cluster, shards)], sentences(cluster, shards), assumptions(cluster))
    print("\n\n".join("\n".join(lines) for lines in blocks))


if __name__ == "__main__":
    main()
