"""What a case is: steps of a round that give figures of rows, and what some of these rows are to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from tests.benchmarks.figures import Goal, Row
from tests.benchmarks.measurements import Measurements

__all__ = ["CORE", "CPU_JOB", "MS", "Case", "Step"]

CPU_JOB = "cpu µs/job"
MS = "ms"
CORE = "% of a core"


class Step(NamedTuple):
    """Measures once what one of those compared takes. Two cases may share a step: a round has it once.

    One that takes long is measured in the first `rounds` only.
    """

    who: str
    measure: Callable[[Measurements], Mapping[Row, float]]
    rounds: float = inf


@dataclass(frozen=True)
class Case:
    """A bar of the project, by its name, and a line on what it is about."""

    name: str
    about: str
    steps: tuple[Step, ...]
    goals: Mapping[Row, Goal] = field(default_factory=dict)
