"""The engine's floor: a run whose attempts are answered at once, beside the commit before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.cases.case import CPU_JOB, Case, Step
from tests.benchmarks.figures import THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements

__all__ = ["FLOOR"]

JOBS = 20_000
WHAT = "the engine's floor, no HTTP"
BEFORE = "llmdash, before"
_WALL_JOB = "wall µs/job"
_AT_MOST = 0.41
"""Of what the commit before takes."""


def floor(environment: str, who: str, measurements: Measurements) -> Mapping[Row, float]:
    """One run without HTTP: what a job costs."""
    found = measurements.figures(environment, SCRIPTS / "floor.py", measurements.jobs(JOBS, 1_000))
    return {Row(WHAT, who, CPU_JOB): found["cpu_us"], Row(WHAT, who, _WALL_JOB): found["wall_us"]}


FLOOR = Case(
    "floor",
    "what a job costs without HTTP, beside the commit before",
    (
        Step("the engine's floor", partial(floor, "tree", THIS)),
        Step("the engine's floor, before", partial(floor, "before", BEFORE)),
    ),
    {Row(WHAT, BEFORE, CPU_JOB): Goal(round(1 / _AT_MOST, 2))},
)
