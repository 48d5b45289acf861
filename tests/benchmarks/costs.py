"""What each layer costs, by job and by streamed chunk.

`python -m tests.benchmarks.costs [--rounds N] [--json FILE] [--scale SHARE]`. Two kinds of run, with
everything on and a dashboard that looks on: answers that come whole and at once, 64 in flight; and 200
streams of 20 chunks a second each. The time of each thread is that of a run which nobody samples; of the
thread of requests the layers have the shares that a second run is sampled for. `python -m
tests.manual.speed_page --costs FILE` writes the table into the manual.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.bench import served
from tests.benchmarks.cases.p4_streams import CHUNKS, PACED_PER_S, STREAMS
from tests.benchmarks.environments import ROOT, environment_of_target
from tests.benchmarks.layers import LAYERS
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import finished, home, prompt_file
from tests.waiting import wait_for

__all__ = ["Costs", "Ran", "by_layer", "cost_table", "costs_of"]

_THREADS = {"llmdash-journal": "journal", "llmdash-server": "frame", "llmdash-texts": "frame"}
"""The threads beside that of requests, each with the layer for which it works."""
_PAINT = "paint"
_LONGEST_S = 600.0


class _Load(NamedTuple):
    jobs: int
    in_flight: int
    target: tuple[object, ...] = ()
    streams: bool = False


_WHOLE = _Load(20_000, 64)
_STREAMED = _Load(1_000, STREAMS, ("--chunks", CHUNKS, "--gap", STREAMS / PACED_PER_S), streams=True)


class Costs(NamedTuple):
    """Microseconds of processor time by layer, for a job that comes whole and for a chunk of a stream; and
    milliseconds a second of the layers that are paid by the second.
    """

    job_us: Mapping[str, float]
    chunk_us: Mapping[str, float]
    second_ms: Mapping[str, float]


class Ran(NamedTuple):
    """What a run took: microseconds a job by layer, and milliseconds a second of those paid by the second."""

    us: Mapping[str, float]
    second_ms: Mapping[str, float]


def by_layer(threads: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    """Return what each layer takes: its share of the thread of requests, and the threads that are its own."""
    found = {layer.name: threads["requests"] * shares.get(layer.name, 0.0) for layer in LAYERS}
    for name, spent in threads.items():
        if name in _THREADS:
            found[_THREADS[name]] += spent
    return found


def costs_of(whole: Ran, streamed: Ran) -> Costs:
    """Return what a job costs that comes whole, and a chunk: its share of what a streamed job takes beyond
    that; of what is paid by the second its share of a second.
    """
    chunk_us = {
        name: streamed.second_ms[name] * 1e3 / PACED_PER_S
        if name in streamed.second_ms
        else max(0.0, us - whole.us[name]) / CHUNKS
        for name, us in streamed.us.items()
    }
    return Costs(whole.us, chunk_us, streamed.second_ms)


def cost_table(costs: Costs) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table: layer, a job, a chunk, what it does; the last has the sums."""
    rows = [
        (layer.name, _figure(costs.job_us[layer.name]), _figure(costs.chunk_us[layer.name]), layer.what)
        for layer in LAYERS
    ]
    job, chunk = (_figure(sum(each.values())) for each in (costs.job_us, costs.chunk_us))
    return [*rows, ("all", job, chunk, "")]


def _figure(us: float) -> str:
    return f"{us:.0f}" if us >= 10 else f"{us:.1f}"


def _run(load: _Load, base_url: str, jobs: int) -> Ran:
    """Three runs: for the time of threads, for the shares of layers, and for the screen."""
    words = [base_url, str(jobs), str(load.in_flight), *(("--stream",) if load.streams else ())]
    plain, sampled = (_measured(*words, *more) for more in ((), ("--sampled",)))
    us = by_layer(plain["us"], sampled["shares"])
    us[_PAINT], paint_ms = _painted(load, base_url, jobs)
    return Ran(us, {"frame": us["frame"] * jobs / plain["took_s"] / 1e3, _PAINT: paint_ms})


def _measured(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.layer_costs", *words]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def _painted(load: _Load, base_url: str, jobs: int) -> tuple[float, float]:
    """Return what the dashboard's process takes, microseconds a job and milliseconds a second, from the
    first answers to the last.
    """
    stream = "--stream" if load.streams else "--no-stream"
    how = ("--rate", "unlimited", "--concurrency", load.in_flight, stream, "--check", "contains", "--run-dir")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, env = folder / "run", home(folder, base_url)
        with RecordedTerminal("run", prompt_file(folder, jobs), *how, run, cwd=folder, env=env) as terminal:
            wait_for(lambda: finished(run), "the first answers")
            first, begun, before = finished(run), time.monotonic(), cpu_s(terminal.process.pid)
            wait_for(lambda: finished(run) == jobs, within_s=_LONGEST_S, every_s=0.1)
            spent, took_s = cpu_s(terminal.process.pid) - before, time.monotonic() - begun
            terminal.stop_reading()
    return spent / (jobs - first) * 1e6, 1e3 * spent / took_s


def measure(rounds: int, scale: float) -> Costs:
    """Measure so many rounds; of each figure the median counts."""
    target = environment_of_target()
    ran: dict[_Load, list[Ran]] = {_WHOLE: [], _STREAMED: []}
    for number in range(rounds):
        for load, found in ran.items():
            print(f"round {number + 1} of {rounds}: {load.jobs:,} jobs", file=sys.stderr, flush=True)
            script = Path(__file__).with_name("target.py")
            with served(target.command(script, *load.target)) as base_url:
                found.append(_run(load, base_url, max(load.in_flight, round(load.jobs * scale))))
    return costs_of(*map(_medians, ran.values()))


def _medians(found: Sequence[Ran]) -> Ran:
    return Ran(_median([each.us for each in found]), _median([each.second_ms for each in found]))


def _median(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in found) for name in found[0]}


def _machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "processors": os.cpu_count()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="just costs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="SHARE", help="of the jobs, to try it out"
    )
    asked = parser.parse_args()
    costs = measure(asked.rounds, asked.scale)
    rows = [("layer", "µs a job", "µs a chunk", ""), *cost_table(costs)]
    for name, job, chunk, what in rows:
        print(f"{name:12} {job:>10} {chunk:>12}   {what}")
    for name, ms in costs.second_ms.items():
        print(f"{name} while chunks stream: {ms:.0f} ms a second")
    if asked.json is not None:
        asked.json.write_text(
            json.dumps({**_machine(), "scale": asked.scale, **costs._asdict()}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
