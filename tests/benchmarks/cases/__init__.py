"""The cases of `just bench`, a file each, in the order in which they are measured."""

from __future__ import annotations

from tests.benchmarks.cases.case import Case
from tests.benchmarks.cases.engine_floor import FLOOR
from tests.benchmarks.cases.first_call import FIRST_CALL
from tests.benchmarks.cases.p1_p2_batch import P1, P2
from tests.benchmarks.cases.p3_latency import P3
from tests.benchmarks.cases.p4_streams import P4
from tests.benchmarks.cases.p5_dashboard import P5
from tests.benchmarks.cases.p6_keys import P6
from tests.benchmarks.cases.p7_screen_load import P7
from tests.benchmarks.cases.p8_p10_growth import FRAME, P8, P10
from tests.benchmarks.cases.p9_start import FIRST_FRAME, P9
from tests.benchmarks.cases.rest import REST

__all__ = ["CASES"]

CASES: dict[str, Case] = {
    case.name: case
    for case in (P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, FLOOR, REST, FIRST_FRAME, FIRST_CALL, FRAME)
}
