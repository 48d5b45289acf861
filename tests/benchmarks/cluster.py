"""What workers cost the run that hands its attempts to them, and how well they hold a rate.

`python -m tests.benchmarks.cluster cost [--workers N --jobs N --in-flight N --rounds N]` prints
microseconds of the coordinating process a job, over those of the engine's floor, which makes no call at all;
interleaved.
`python -m tests.benchmarks.cluster rate [--workers N --jobs N --rate R --latency S --moves R,R,R]` prints
what the kernel of the target counted, how busy the machine was, and the round trip. The target answers
with the same bytes after a fixed time, and is never the bottleneck.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from llmdash.cluster.joined import asker_at, in_touch
from llmdash.cluster.local_cluster import LocalCluster
from llmdash.cluster.places import LocalPlace
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.model.commands import SetRate
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.session import LocalSession
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.prompts.source import Prompt
from llmdash.secrets import Secret
from tests.arrivals import most_in_a_second
from tests.benchmarks.bench import target
from tests.benchmarks.floor import floor

KEYS = 3
_NOTHING = View(jobs=JobsView(height=0))


class Sums:
    """Prompts that are made when they are asked for, so that a million of them take no memory."""

    name, fingerprint, problems, left_out = "sums", "f" * 64, (), 0
    reading, check, options = "", None, {}  # type: ignore[var-annotated]

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def id(self, index: int) -> str:
        return str(index)

    def prompt(self, index: int) -> Prompt:
        return Prompt(str(index), (("user", f"Work out {index} + 1."),))

    def score(self, prompt: Prompt, text: str) -> Any:
        from llmdash.prompts.verdict import Verdict

        return Verdict.UNSCORED


class _Model:
    """The coordinator only asks for its name."""

    model = "m"


@dataclass
class Cluster:
    """A session whose attempts are made by workers of this machine against a target."""

    base_url: str
    workers: int

    def plan(self, count: int, folder: Path, rate: float | None, in_flight: int) -> RunPlan:
        local = LocalCluster(self.workers, dict(os.environ))
        place = LocalPlace(local)
        recipes = {
            f"key-{number}": ModelRecipe(
                "openai-chat",
                "m",
                Timeouts(),
                {"base_url": self.base_url, "streaming": False},
                key=Secret(f"sk-benchmark-{number:08}"),
            )
            for number in range(KEYS)
        }
        asker = asker_at(place, recipes.__getitem__, send_keys=True)
        endpoint = Endpoint("target")

        @asynccontextmanager
        async def connect() -> Any:
            members = [Member(_Model(), label, endpoint) for label in recipes]  # type: ignore[arg-type]
            asker.adopt(members)
            async with in_touch(asker, place, insecure=False):
                yield members

        return RunPlan(
            source=Sums(count),
            connect=connect,
            folder=folder,
            facts=RunFacts("sums", "m", "target", KEYS),
            rate=rate,
            concurrency=in_flight,
            asker=asker,
        )


@contextmanager
def running(plan: RunPlan) -> Iterator[LocalSession]:
    """A session that has all its workers and has begun."""
    session = LocalSession(plan)
    session.start()
    try:
        yield session
    finally:
        session.join(5)
    if session.crash is not None:
        raise session.crash


def cost(workers: int, jobs: int, in_flight: int) -> dict[str, float]:
    """Microseconds of processor time a job in the coordinating process, from the first answer to the last."""
    with target() as url, tempfile.TemporaryDirectory() as folder:
        plan = Cluster(url, workers).plan(jobs, Path(folder), None, in_flight)
        with running(plan) as session:
            _wait(session, lambda frame: frame.run.done >= jobs // 10)
            first, cpu, wall = session.frame(_NOTHING).run.done, time.process_time(), time.perf_counter()
            session.join()
            cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
        done = jobs - first
    return {"cpu_us": cpu_s / done * 1e6, "jobs_per_s": done / wall_s}


def _wait(session: LocalSession, until: Callable[[Frame], bool]) -> None:
    while session.alive and not until(session.frame(_NOTHING)):
        time.sleep(0.05)


def print_cost(args: argparse.Namespace) -> None:
    """Print the costs of interleaved rounds."""
    floors, costs, speeds = [], [], []
    for _ in range(args.rounds):
        floors.append(floor(args.jobs)["cpu_us"])
        measured = cost(args.workers, args.jobs, args.in_flight)
        costs.append(measured["cpu_us"])
        speeds.append(measured["jobs_per_s"])
    added = median(costs) - median(floors)
    for name, values in (("engine's floor", floors), (f"with {args.workers} workers", costs)):
        print(f"{name:20} {median(values):7.1f} us a job   ({min(values):.1f} to {max(values):.1f})")
    print(f"{'added':20} {added:7.1f} us a job")
    print(f"{'at':20} {median(speeds):7.0f} jobs/s")


def print_rate(args: argparse.Namespace) -> None:
    """Print what the target saw of a run at a rate."""
    moves = [float(rate) for rate in args.moves.split(",")] if args.moves else []
    stamped = StampedTarget(args.latency)
    with tempfile.TemporaryDirectory() as folder:
        plan = Cluster(stamped.base_url, args.workers).plan(
            args.jobs, Path(folder), args.rate, args.in_flight
        )
        busy = _Busy()
        with running(plan) as session:
            _wait(session, lambda frame: frame.run.done > 0)
            busy.start()
            begun, cpu = time.monotonic(), time.process_time()
            steps = _move(session, moves, args.hold)
            session.join()
            spent = time.process_time() - cpu
            took = time.monotonic() - begun
            last = session.frame(_NOTHING)
        share = busy.share()
        arrivals = stamped.arrivals()
    run = last.run
    trips = [row.round_trip_s for row in last.workers if row.round_trip_s is not None]
    print(
        f"{run.done:,} done of {run.jobs:,}, {run.attempts:,} attempts, "
        f"{len(arrivals):,} requests at the target"
    )
    print(
        f"machine {share:.0%} busy; coordinator {spent / took:.0%} of a core, "
        f"{spent / run.done * 1e6:.0f} us a job"
    )
    print(f"round trip {1000 * median(trips or [0]):.1f} ms (median of {len(trips)} workers)")
    last_rate = moves[-1] if moves else args.rate
    rest = (last_rate, steps[-1][2] if steps else arrivals[0] + 1, arrivals[-1] - 2 * args.latency - 1)
    for rate, start, end in [*steps, rest]:
        within = [at for at in arrivals if start <= at < end]
        mean = len(within) / max(end - start, 1e-9)
        print(
            f"set {rate:g}/s: {mean:.2f}/s over {end - start:.0f} s ({mean / rate - 1:+.2%}); "
            f"most in a second {most_in_a_second(within)} (allowed {int(rate + max(1, rate * 0.05))})"
        )
    print(f"most in any second of the run {most_in_a_second(arrivals)}")


def _move(session: LocalSession, moves: Sequence[float], hold_s: float) -> list[tuple[float, float, float]]:
    """Set one rate after the other, the last for the rest of the run; return when each held, in Unix time."""
    steps = []
    for rate in moves:
        session.command(SetRate(rate))
        begun = time.time()
        while session.alive and time.time() < begun + hold_s:
            time.sleep(0.05)
        steps.append((rate, begun + 1.0, time.time()))
    return steps


class StampedTarget:
    """A target in its own process, whose kernel stamps what arrives."""

    def __init__(self, latency: float) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.stamped_target", str(latency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().decode().strip()

    def arrivals(self) -> Sequence[float]:
        """End it and return when each request arrived, in seconds of Unix time, in order."""
        found = array("d")
        found.frombytes(self._process.communicate()[0])
        return sorted(found)


class _Busy:
    """How busy all cores are, from start to now."""

    def start(self) -> None:
        self._before = _ticks()

    def share(self) -> float:
        idle, total = (now - then for now, then in zip(_ticks(), self._before, strict=True))
        return 1.0 - idle / max(total, 1)


def _ticks() -> tuple[int, int]:
    """The ticks of idleness, and all."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cost", "rate"])
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--moves", default="")
    parser.add_argument("--hold", type=float, default=60.0)
    args = parser.parse_args()
    {"cost": print_cost, "rate": print_rate}[args.what](args)


if __name__ == "__main__":
    main()
