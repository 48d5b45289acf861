"""The first call of the library beside that of others: a script that asks once, from its import on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.cases.case import MS, Case, Step
from tests.benchmarks.figures import THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements

__all__ = ["FIRST_CALL"]

WAYS = {
    "llmdash": ("tree", THIS),
    "langchain": ("libraries", "LangChain"),
    "openai": ("libraries", "openai SDK"),
}
_TIMES = 3
_WHOLE, _IMPORTED = "library: import and first call", "library: first call, imported"
_CPU = "cpu ms"


def first_call(way: str, measurements: Measurements) -> Mapping[Row, float]:
    """The quickest of a few scripts, each of which asks once."""
    environment, who = WAYS[way]
    script, target = SCRIPTS / "first_calls.py", measurements.target()
    found = [measurements.figures(environment, script, way, target) for _ in range(_TIMES)]
    return {
        Row(_WHOLE, who, MS): min(each["wall_ms"] for each in found),
        Row(_WHOLE, who, _CPU): min(each["import_ms"] + each["call_ms"] for each in found),
        Row(_IMPORTED, who, _CPU): min(each["call_ms"] for each in found),
    }


FIRST_CALL = Case(
    "first-call",
    "the library's first call beside LangChain's",
    tuple(Step(f"{who}, first call", partial(first_call, way)) for way, (_, who) in WAYS.items()),
    {
        Row(what, "LangChain", unit): Goal(1)
        for what, unit in ((_WHOLE, MS), (_WHOLE, _CPU), (_IMPORTED, _CPU))
    },
)
