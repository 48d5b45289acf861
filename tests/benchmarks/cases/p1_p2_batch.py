"""P1, P2: a headless run with everything on, 64 in flight, answers at once, beside libraries and programs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks import peer_programs
from tests.benchmarks.bare_sockets import measured as target_alone
from tests.benchmarks.cases.case import CPU_JOB, Case, Step
from tests.benchmarks.figures import RATE, THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements

__all__ = ["P1", "P2", "PEERS", "WHAT"]

IN_FLIGHT = 64
JOBS = 20_000
WHAT = "P1, P2: a batch, 64 in flight"
PEERS = {
    "httpx": ("libraries", "bare httpx, gather"),
    "langchain": ("libraries", "LangChain abatch"),
    "openai": ("libraries", "openai SDK, gather"),
    "litellm": ("litellm", "litellm, gather"),
}
"""Of each library its environment, and what it is called in the table."""
_JOBS_A_PEER_JOB = 20 / 3  # peers are slower: with fewer jobs each of them is at it for about as long


def _rows(who: str, rate: float, cpu_us: float) -> dict[Row, float]:
    return {Row(WHAT, who, RATE): rate, Row(WHAT, who, CPU_JOB): cpu_us}


def llmdash(measurements: Measurements) -> Mapping[Row, float]:
    """One run; its processor time includes the start of Python."""
    jobs = measurements.jobs(JOBS, 1_000)
    run = measurements.headless("tree", measurements.target(), jobs, IN_FLIGHT, "--no-stream")
    return _rows(THIS, run.rate, run.cpu_us)


def library(name: str, measurements: Measurements) -> Mapping[Row, float]:
    """One batch of a library, once it is warm."""
    environment, who = PEERS[name]
    jobs = measurements.jobs(round(JOBS / _JOBS_A_PEER_JOB), IN_FLIGHT)
    found = measurements.figures(
        environment, SCRIPTS / "peer_batches.py", name, measurements.target(), jobs, IN_FLIGHT
    )
    return _rows(who, found["rate"], found["cpu_us"])


def cookbook(measurements: Measurements) -> Mapping[Row, float]:
    """One file through the cookbook's way."""
    jobs = measurements.jobs(round(JOBS / _JOBS_A_PEER_JOB), IN_FLIGHT)
    found = measurements.figures(
        "libraries", SCRIPTS / "cookbook.py", measurements.target(), jobs, measurements.folder
    )
    return _rows("cookbook's processor", found["rate"], found["cpu_us"])


def program(name: str, measurements: Measurements) -> Mapping[Row, float]:
    """One run of a program that measures endpoints, by its own report."""
    jobs = measurements.jobs(JOBS // 4, 200)
    found = peer_programs.measured(name, measurements, measurements.target(), jobs, IN_FLIGHT)
    return _rows(name, found["rate"], found["cpu_us"])


def target_itself(measurements: Measurements) -> Mapping[Row, float]:
    """The rate at which the target answers those who do nothing else but ask."""
    jobs = measurements.jobs(JOBS, 1_000)
    return {Row(WHAT, "the target itself", RATE, alone=True): target_alone(measurements.target(), jobs)}


_LLMDASH = Step("llmdash, a batch", llmdash)
_TARGET = Step("the target itself", target_itself)

P1 = Case(
    "P1",
    "a headless run beside libraries, 64 in flight",
    (_LLMDASH, *(Step(who, partial(library, name)) for name, (_, who) in PEERS.items()), _TARGET),
    {
        Row(WHAT, PEERS["langchain"][1], RATE): Goal(8, 15),
        Row(WHAT, PEERS["httpx"][1], RATE): Goal(6, 10),
    },
)
P2 = Case(
    "P2",
    "the same beside aiperf, guidellm and the cookbook's way",
    (
        _LLMDASH,
        Step("cookbook's processor", cookbook),
        *(Step(name, partial(program, name)) for name in peer_programs.PROGRAMS),
        _TARGET,
    ),
    {
        Row(WHAT, "aiperf", RATE): Goal(2, 4),
        Row(WHAT, "cookbook's processor", RATE): Goal(4, 8),
    },
)
