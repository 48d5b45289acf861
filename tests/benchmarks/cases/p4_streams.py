"""P4: 200 streams at once, as fast as they come and at 4,000 chunks a second: what a chunk costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.cases.case import Case, Step
from tests.benchmarks.figures import THIS, Goal, Row
from tests.benchmarks.measurements import SCRIPTS, Measurements, NotMeasured

__all__ = ["BURST", "CHUNKS", "CPU_CHUNK", "P4", "PACED", "PACED_PER_S", "STREAMS", "WAYS"]

STREAMS = 200
CHUNKS = 100
PACED_PER_S = 4_000
WAYS = {
    "llmdash": ("tree", THIS),
    "openai": ("libraries", "openai SDK"),
    "langchain": ("libraries", "LangChain astream"),
    "litellm": ("litellm", "litellm"),
    "httpx": ("libraries", "bare httpx, aiter_lines"),
}
BURST, PACED = "P4: 200 streams, burst", "P4: 200 streams, 4,000 chunks/s"
CPU_CHUNK, _RATE = "cpu µs/chunk", "chunks/s"
_TIMES = {"llmdash": 10, "httpx": 4, "openai": 4, "langchain": 2, "litellm": 1}
_RUN_JOBS = 2_000


def burst(way: str, measurements: Measurements) -> Mapping[Row, float]:
    """Streams whose chunks come all at once."""
    environment, who = WAYS[way]
    times = measurements.jobs(_TIMES[way])
    found = _read(environment, way, measurements.target("--chunks", CHUNKS), times, measurements)
    return {Row(BURST, who, CPU_CHUNK): found["cpu_us"], Row(BURST, who, _RATE): found["rate"]}


def paced(way: str, measurements: Measurements) -> Mapping[Row, float]:
    """Streams of twenty chunks a second each."""
    environment, who = WAYS[way]
    gap_s = STREAMS / PACED_PER_S
    target = measurements.target("--chunks", CHUNKS, "--gap", gap_s)
    return {Row(PACED, who, CPU_CHUNK): _read(environment, way, target, 1, measurements)["cpu_us"]}


def run(measurements: Measurements) -> Mapping[Row, float]:
    """A headless run that streams, with everything on; starts included."""
    jobs = measurements.jobs(_RUN_JOBS, 2 * STREAMS)
    found = measurements.headless("tree", measurements.target("--chunks", CHUNKS), jobs, STREAMS, "--stream")
    who = "llmdash, a headless run"
    return {Row(BURST, who, CPU_CHUNK): found.cpu_us / CHUNKS, Row(BURST, who, _RATE): found.rate * CHUNKS}


def _read(
    environment: str, way: str, target: str, times: int, measurements: Measurements
) -> dict[str, float]:
    found = measurements.figures(environment, SCRIPTS / "peer_streams.py", way, target, STREAMS, times)
    if found["chunks"] != STREAMS * CHUNKS * times:
        raise NotMeasured(f"{way}: {found['chunks']} chunks")
    return found


P4 = Case(
    "P4",
    "200 streams at once: processor time a chunk",
    (
        *(Step(f"{who}, burst", partial(burst, way)) for way, (_, who) in WAYS.items()),
        Step("a streaming run", run),
        *(
            Step(f"{who}, paced", partial(paced, way))
            for way, (_, who) in WAYS.items()
            if way != "litellm"  # it takes more than there is of a core
        ),
    ),
    {
        Row(BURST, "openai SDK", CPU_CHUNK): Goal(8, 20),
        Row(BURST, "LangChain astream", CPU_CHUNK): Goal(12, 35),
        Row(PACED, "openai SDK", CPU_CHUNK): Goal(5, 8),
    },
)
