"""P3: 512 in flight against answers that take 100 to 150 ms, as a share of the ideal, beside libraries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.cases.case import CPU_JOB, Case, Step
from tests.benchmarks.cases.p1_p2_batch import PEERS
from tests.benchmarks.figures import RATE, SHARE, THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements

__all__ = ["P3", "WHAT"]

IN_FLIGHT = 512
JOBS = 40_000
LATENCY = ("--latency", 0.1, 0.15)
_IDEAL = IN_FLIGHT / 0.125
_PEER_JOBS = {"httpx": 1_000, "langchain": 3_000, "openai": 3_000, "litellm": 2_000}
"""A few seconds of each."""
WHAT = "P3: 512 in flight, 125 ms"


def llmdash(measurements: Measurements) -> Mapping[Row, float]:
    """One run; the 512 requests before any answer do not count."""
    jobs = measurements.jobs(JOBS, 4 * IN_FLIGHT)
    run = measurements.headless("tree", measurements.target(*LATENCY), jobs, IN_FLIGHT, "--no-stream")
    return {
        Row(WHAT, THIS, RATE): run.rate,
        Row(WHAT, THIS, SHARE): 100 * run.rate / _IDEAL,
        Row(WHAT, THIS, CPU_JOB): run.cpu_us,
    }


def library(name: str, measurements: Measurements) -> Mapping[Row, float]:
    """One batch of a library."""
    environment, who = PEERS[name]
    jobs = measurements.jobs(_PEER_JOBS[name], IN_FLIGHT)
    script = SCRIPTS / "peer_batches.py"
    found = measurements.figures(environment, script, name, measurements.target(*LATENCY), jobs, IN_FLIGHT)
    return {Row(WHAT, who, RATE): found["rate"], Row(WHAT, who, CPU_JOB): found["cpu_us"]}


P3 = Case(
    "P3",
    "512 in flight against a latency of 125 ms",
    (
        Step("llmdash, latency", llmdash),
        *(Step(f"{who}, latency", partial(library, name)) for name, (_, who) in PEERS.items()),
    ),
    {
        Row(WHAT, THIS, SHARE): Goal(90, 97),
        Row(WHAT, PEERS["httpx"][1], RATE): Goal(35, 45),
    },
)
