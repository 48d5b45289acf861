"""The cases of `just bench`, a file each, in the order in which they are measured."""

from __future__ import annotations

from tests.benchmarks.cases.case import Case
from tests.benchmarks.cases.engine_floor import FLOOR
from tests.benchmarks.cases.p1_p2_batch import P1, P2
from tests.benchmarks.cases.p3_latency import P3
from tests.benchmarks.cases.p4_streams import P4

__all__ = ["CASES"]

CASES: dict[str, Case] = {case.name: case for case in (P1, P2, P3, P4, FLOOR)}
