"""What the parts of a cluster cost, and where each figure comes from.

Measured: two shared cores, Python 3.11, medians. Assumed: as the text says; `--cost NAME=US` replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

__all__ = ["COLUMN_BYTES", "INDEX_BYTES", "JOURNAL_BYTES", "Costs", "parsed_cost"]

COLUMN_BYTES = 42
"""Memory a job of the store's columns: measured over 1,000,000 jobs, each of them started."""
INDEX_BYTES = 47
"""Memory a job of the input's index, with ids of 11 characters: measured over 200,000 records."""
JOURNAL_BYTES = 900
"""Disk a job of the journal, with answers of 600 characters: measured over 18,600 jobs."""

_MOST_US = 1e9


def _cost(us: float, source: str) -> Any:
    return field(default=us, metadata={"source": source})


@dataclass(frozen=True)
class Costs:
    """Microseconds of one core, but for `commit`, which is time on the disk as well."""

    engine: float = _cost(
        52.0, "measured: tests/benchmarks/floor.py, 63 a job in all, less 11 of the journal's thread"
    )
    hand_over: float = _cost(
        8.0,
        "measured: `just bench-cluster cost`, 16 added a job with 3 workers, half of it messages",
    )
    chunk_time: float = _cost(
        6.4, "assumed: a chunk at the coordinator, 970 less 333 for 100 of them in an early version"
    )
    journal: float = _cost(12.0, "measured: a job's two rows and its result on the journal's thread")
    journal_lock: float = _cost(
        12.0,
        "assumed: all of `journal` keeps the coordinator's thread waiting; the floor takes 66 of the clock, "
        "as much as both threads together",
    )
    commit: float = _cost(184.0, "measured: a transaction on a local disk, 75 of it processor time")
    message: float = _cost(48.0, "measured: a message at the coordinator, Dask's write or read over TLS")
    worker_message: float = _cost(48.0, "assumed: the same at the worker")
    call: float = _cost(
        1000.0,
        "assumed: a call at the worker; over loopback without TLS 190 (measured: `just bench`, 250 less 60)",
    )
    chunk: float = _cost(10.0, "assumed: a chunk at the worker; 1.8 of it reading and masking (measured)")

    @classmethod
    def sources(cls) -> Iterator[tuple[str, str]]:
        """Yield the name of each cost and where its default comes from."""
        yield from ((each.name, each.metadata["source"]) for each in fields(cls))

    def changed(self, costs: Mapping[str, float]) -> Costs:
        """These costs with some of them replaced."""
        return replace(self, **costs)


def parsed_cost(text: str) -> tuple[str, float]:
    """Read `NAME=US`. Raises ValueError for an unknown name, and for what is not from 0 to 1,000 s."""
    name, _, us = text.partition("=")
    if name not in {known for known, _ in Costs.sources()}:
        raise ValueError(f"no cost is called {name!r}")
    value = float(us)
    if not 0 <= value <= _MOST_US:
        raise ValueError(f"{us} is not from 0 to {_MOST_US:,.0f}")
    return name, value
