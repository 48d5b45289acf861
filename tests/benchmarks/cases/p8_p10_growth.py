"""P8, P10, frame: what a run of a million jobs takes of memory, what a job costs as the batch grows, and what
a frame costs then.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.cases.case import CPU_JOB, Case, Step
from tests.benchmarks.figures import Goal, Row
from tests.benchmarks.measurements import Measurements

__all__ = ["FRAME", "P8", "P10"]

MILLION = 1_000_000
_SIZES = {1_000: 15, 10_000: 5, 100_000: 1}
"""Jobs of a run, and how many runs in one process, of whose costs the median counts."""
_MEMORY = "P8: memory, 1,000,000 jobs"
_GROWS = "P10: a job as the batch grows"
_FRAME = "frame(), 1,000,000 jobs"
_MORE = "% more than 1,000 jobs"
_LAG = "loop while an order is made"
_OVER_EMPTY = Row(_MEMORY, "over an empty run", "MB", alone=True)
_WORST_FRAME = Row(_FRAME, "worst sort and filter", "ms cpu", alone=True)
_P99 = Row(_FRAME, f"{_LAG}, p99", "ms", alone=True)


def _grown(jobs: int, cost_us: float, least_us: float) -> dict[Row, float]:
    who = f"{jobs:,} jobs"
    return {
        Row(_GROWS, who, CPU_JOB, alone=True): cost_us,
        Row(_GROWS, who, _MORE, alone=True): 100 * (cost_us / least_us - 1),
    }


def _beyond(jobs: int, cpu_us: float, empty_us: float) -> float:
    """What a job costs in a run of `jobs` that take `cpu_us` each, beyond what an empty run takes."""
    return (cpu_us * jobs - empty_us) / max(1, jobs - 1)


def _empty(measurements: Measurements) -> dict[str, float]:
    return measurements.module("growth", 1, "--times", 9)


def _cost_us(measurements: Measurements, size: int, empty_us: float) -> float:
    jobs = measurements.jobs(size, 200)
    return _beyond(jobs, measurements.module("growth", jobs, "--times", _SIZES[size])["cpu_us"], empty_us)


def decades(measurements: Measurements) -> Mapping[Row, float]:
    """What a job costs in runs of a thousand to a hundred thousand."""
    empty_us = _empty(measurements)["cpu_us"]
    least, *others = (_cost_us(measurements, size, empty_us) for size in _SIZES)
    found = {Row(_GROWS, "1,000 jobs", CPU_JOB, alone=True): least}
    for size, cost_us in zip(list(_SIZES)[1:], others, strict=True):
        found |= _grown(size, cost_us, least)
    return found


def million(measurements: Measurements) -> Mapping[Row, float]:
    """A run of a million jobs beside an empty and a small one, and a frame of it in many orders."""
    jobs, empty = measurements.jobs(MILLION, 1_000), _empty(measurements)
    least = _cost_us(measurements, 1_000, empty["cpu_us"])
    large = measurements.module("growth", jobs, "--views")
    return {
        Row(_MEMORY, "an empty run", "MB", alone=True): empty["used_mb"],
        _OVER_EMPTY: large["used_mb"] - empty["used_mb"],
        **_grown(MILLION, _beyond(jobs, large["cpu_us"], empty["cpu_us"]), least),
        Row(_FRAME, "median of sorts and filters", "ms cpu", alone=True): large["frame_us"] / 1e3,
        _WORST_FRAME: large["most_frame_us"] / 1e3,
    }


def lag(measurements: Measurements) -> Mapping[Row, float]:
    """How late an event loop is while an order of a million jobs is made, in the worst of many orders."""
    found = measurements.module("orders", measurements.jobs(MILLION, 1_000))
    return {
        Row(_FRAME, f"{_LAG}, p50", "ms", alone=True): found["p50_ms"],
        _P99: found["p99_ms"],
        Row(_FRAME, f"{_LAG}, most", "ms", alone=True): found["most_ms"],
        Row(_FRAME, "until an order is made", "s", alone=True): found["made_in_s"],
    }


_MILLION = Step("a million jobs", million, rounds=1)

P8 = Case("P8", "memory of a run of 1,000,000 jobs", (_MILLION,), {_OVER_EMPTY: Goal(250, 120)})
P10 = Case(
    "P10",
    "what a job costs as the batch grows from 1,000 to 1,000,000",
    (Step("runs that grow", decades, rounds=3), _MILLION),
    {Row(_GROWS, f"{size:,} jobs", _MORE, alone=True): Goal(10, 5) for size in (*list(_SIZES)[1:], MILLION)},
)
FRAME = Case(
    "frame",
    "a frame at 1,000,000 jobs, and the loop while an order is made",
    (_MILLION, Step("orders", lag, rounds=2)),
    {_WORST_FRAME: Goal(1), _P99: Goal(50)},
)
