"""A run on workers to which something happens again and again, and the accounts at its end."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.arrivals import Arrivals, most_in_a_second
from tests.cli.clusters import HEADLESS, Site, assert_rate_kept
from tests.cli.command import Ended, results
from tests.waiting import LONGEST_S, wait_for

__all__ = ["Faulted"]


@dataclass
class Faulted:
    """A run of `jobs` at `rate` requests a second, answered after `latency`, on the workers of `options`.

    `strike` does something to it. It is done again once from `least` to `most` more requests have arrived.
    """

    site: Site
    server: Arrivals
    latency: float
    jobs: int
    rate: int
    options: tuple[object, ...]
    strike: Callable[[random.Random], None]
    least: int
    most: int
    soon_s: float = 2.0
    """How long after a fault requests may arrive, and answers before it be unread, on a busy machine."""
    seed: int = 1
    struck_at: list[float] = field(default_factory=list)
    resumed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.site.keys(self.site.work, self.server.base_url, "k-one", "k-two")
        self.site.prompts(self.jobs)

    @property
    def arguments(self) -> tuple[object, ...]:
        """Of each start."""
        how = ("--no-stream", "--rate", f"{self.rate}/s", "--concurrency", 500)
        return ("run", "p.txt", *HEADLESS, *how, *self.options)

    def run(self, faults: int, within_s: float = LONGEST_S) -> Ended:
        """One start, with so many faults, to its end."""
        out = self.site.root / "out.jsonl"
        command = [sys.executable, "-m", "llmdash", *map(str, self.arguments)]
        process = self.site.spawn(command, self.site.work, out)
        for _ in range(faults):
            self._wait_for_requests(process)
            self._strike()
        return Ended(process.wait(timeout=within_s), out.read_text(), "")

    def run_killed(self, kills: int, within_s: float = LONGEST_S) -> Ended:
        """So many starts, each killed at some moment, and a last one to its end."""
        for _ in range(kills):
            with self.site.start(*self.arguments, *self._resume) as process:
                self._wait_for_requests(process)
                self.struck_at.append(time.time())
                process.kill()
                process.communicate()
            self.resumed += 1
        with self.site.start(*self.arguments, *self._resume) as process:
            out, err = process.communicate(timeout=within_s)
        return Ended(process.returncode, out, err)

    @property
    def _resume(self) -> tuple[str, ...]:
        return ("--resume",) if (self.site.work / "kept" / "journal.sqlite").exists() else ()

    def _wait_for_requests(self, run: subprocess.Popen[Any]) -> None:
        wanted = len(self.server.times) + self._random.randint(self.least, self.most)
        wait_for(
            lambda: len(self.server.times) >= wanted or run.poll() is not None,
            f"{wanted} requests",
        )
        assert run.poll() is None, "the run ended before the last fault"
        time.sleep(self._random.uniform(0.0, 0.05))

    def _strike(self) -> None:
        self.struck_at.append(time.time())
        self.strike(self._random)

    @property
    def in_flight(self) -> int:
        """The requests that were in flight at some fault, over all of them."""
        times, earlier = self.server.sorted(), self.latency + self.soon_s
        return sum(
            any(at < struck + self.soon_s and at > struck - earlier for struck in self.struck_at)
            for at in times
        )

    def assert_nothing_lost_or_doubled(self, ended: Ended) -> None:
        """Each job has one result, and server, journal, summary and export tell of the same requests."""
        site, summary, requests = self.site, ended.summary, len(self.server.times)
        assert (ended.code, ended.err) == (0, "")
        rows = results(site.work / "r.jsonl")
        assert sorted(row["index"] for row in rows) == list(range(self.jobs))
        assert all(row["state"] == "done" for row in rows)
        assert (summary["done"], summary["failed"], summary["pending"]) == (self.jobs, 0, 0)
        assert site.results == site.count("SELECT COUNT(*) FROM attempts WHERE state = 'ok'") == self.jobs
        assert site.count("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('ok', 'unknown', 'unsent')") == 0
        announced = site.count("SELECT COUNT(*) FROM attempts WHERE state != 'unsent'")
        assert requests <= announced == summary["attempts"] == sum(key["sent"] for key in summary["keys"])
        assert requests - self.jobs <= self.in_flight
        assert_rate_kept(self.server.times, self.rate)

    def report(self, kind: str, ended: Ended) -> str:
        """The figures, a line each."""
        requests = len(self.server.times)
        unknown = self.site.count("SELECT COUNT(*) FROM attempts WHERE state = 'unknown'")
        return "\n".join(
            [
                "",
                f"faults                   {len(self.struck_at)} of {kind} (seed {self.seed})",
                f"jobs, rate, latency      {self.jobs:,}, {self.rate}/s, {self.latency} s",
                f"results                  {self.site.results:,}",
                f"requests at the server   {requests:,}",
                f"asked twice (in flight)  {requests - self.jobs:,} ({self.in_flight:,})",
                f"announced, unknown       {ended.summary['attempts']:,}, {unknown:,}",
                f"most in any second       {most_in_a_second(self.server.sorted())} of {self.rate}",
                f"took                     {ended.summary['elapsed_s']:.0f} s",
            ]
        )
