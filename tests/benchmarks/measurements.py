"""What each line of the ratios takes to measure: a process each, in an environment of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.benchmarks.bench import jobs_per_second, no_home, prompts
from tests.benchmarks.environments import Environment
from tests.benchmarks.figures import RATE, Row
from tests.benchmarks.peers import IN_FLIGHT

__all__ = ["PEERS", "Measurements"]

PEERS = {"httpx": "bare httpx, gather", "openai": "openai SDK, gather", "langchain": "LangChain abatch"}
_SCRIPTS = Path(__file__).parent
_BATCH, _FLOOR = "batch, headless", "engine's floor"
_CPU_COST, _WALL_COST = "cpu µs/job", "wall µs/job"
_JOBS_A_PEER_JOB = 20 / 3  # peers are slower: with fewer jobs each of them is at it for about as long


@dataclass(frozen=True)
class Measurements:
    """Measures `jobs` jobs at a time against the target at `base_url`, and works in `folder`."""

    folder: Path
    base_url: str
    jobs: int
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def peer_jobs(self) -> int:
        """How many jobs a peer is given."""
        return max(IN_FLIGHT, round(self.jobs / _JOBS_A_PEER_JOB))

    def headless(self, who: str, environment: Environment) -> dict[Row, float]:
        """One run of the program: its rate, and its processor time, the start of Python included.

        Raises RuntimeError if a job failed or was tried twice.
        """
        run = self.folder / f"run-{next(self._numbers)}"
        how = ("--headless", "--json", "--no-stream", "--rate", "unlimited", "--concurrency", IN_FLIGHT)
        command = ("-m", "llmdash", "run", prompts(self.folder, self.jobs), *how, "--run-dir", run)
        before_s = _cpu_s_of_children()
        summary = json.loads(self._printed_by(environment, *command).splitlines()[-1])
        cpu_s = _cpu_s_of_children() - before_s
        if summary["done"] != self.jobs or summary["retries"]:
            raise RuntimeError(f"a run with faults: {summary}")
        return {
            Row(_BATCH, who, RATE): jobs_per_second(run),
            Row(_BATCH, who, _CPU_COST): cpu_s / self.jobs * 1e6,
        }

    def peer(self, name: str, environment: Environment) -> dict[Row, float]:
        """One batch of a peer: its rate and its processor time, once it is warm."""
        command = (_SCRIPTS / "peers.py", name, self.base_url, self.peer_jobs)
        found = json.loads(self._printed_by(environment, *command))
        return {
            Row(_BATCH, PEERS[name], RATE): found["rate"],
            Row(_BATCH, PEERS[name], _CPU_COST): found["cpu_us"],
        }

    def target_itself(self) -> dict[Row, float]:
        """The rate at which the target answers those who do nothing else but ask."""
        command = [sys.executable, "-m", "tests.benchmarks.bare_sockets", self.base_url, str(self.jobs)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return {Row(_BATCH, "the target itself", RATE): float(printed)}

    def floor(self, who: str, environment: Environment) -> dict[Row, float]:
        """One run without HTTP: what a job costs."""
        costs = json.loads(self._printed_by(environment, _SCRIPTS / "floor.py", self.jobs))
        return {Row(_FLOOR, who, _CPU_COST): costs["cpu_us"], Row(_FLOOR, who, _WALL_COST): costs["wall_us"]}

    def _printed_by(self, environment: Environment, *arguments: object) -> str:
        """What a command prints that has keys for the target and nothing of the user's."""
        done = subprocess.run(
            environment.command(*arguments),
            cwd=self.folder,
            env=no_home(self.folder, self.base_url),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout


def _cpu_s_of_children() -> float:
    """Seconds of processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
