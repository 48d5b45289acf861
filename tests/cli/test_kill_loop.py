"""A run that is killed with `kill -9` at random moments, again and again: nothing is lost, nothing doubled.

The full form prints its figures: `python -m pytest tests/cli/test_kill_loop.py -m slow -s`.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, results, start
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]

IN_FLIGHT = 64
GROUP = 256
"""Rows of one commit group: as many requests may have been announced and not yet sent."""
BOUND = IN_FLIGHT + GROUP

_UNKNOWN = """
SELECT COUNT(*) FROM attempts
WHERE state IN ('sent', 'unknown', 'cut') AND job NOT IN (SELECT job FROM results)
"""

_LEFT = "SELECT COUNT(*) FROM attempts WHERE state = 'unknown'"


@dataclass(frozen=True)
class Kill:
    """What one start and its end came to: by `kill -9`, or by itself where all was done before that came."""

    requests: int
    """Requests that reached the server."""
    results: int
    """Results that reached the disk."""
    told: int | None
    """The number of possibly paid requests that the start told of; None if it was killed before."""

    @property
    def extra(self) -> int:
        return self.requests - self.results


@dataclass
class KillLoop:
    """Starts and kills one run in `folder`, at moments that `seed` decides."""

    endpoint: Simulated
    folder: Path
    jobs: int
    wanted: int
    """Kills in all: each start may do its share of what is left, or a good deal less."""
    seed: int
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        sums = f'name = "sums"\ntask = "arithmetic"\n[arithmetic]\ncount = {self.jobs}\nseed = {self.seed}\n'
        (self.folder / "sums.toml").write_text(sums)

    @property
    def _arguments(self) -> tuple[object, ...]:
        how = ("--headless", "--json", "--out", "results.jsonl", "--run-dir", "kept", "--rate", "unlimited")
        resume = ("--resume",) if self._journal.exists() else ()
        return ("run", "sums.toml", *how, "--concurrency", IN_FLIGHT, *resume)

    @property
    def _journal(self) -> Path:
        return self.folder / "kept" / "journal.sqlite"

    def count(self, question: str) -> int:
        """A number that the journal holds. What the kill left unfinished is left so."""
        if not self._journal.exists():
            return 0
        with closing(sqlite3.connect(f"{self._journal.as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute(question).fetchone()[0])

    def kill_once(self) -> None:
        """Start or resume, kill at a random moment, and note what came of it."""
        before, saved = self.endpoint.stats()["requests"], self.results
        expected = self.unknown
        with start(*self._arguments, cwd=self.folder, env=environment(self.folder, self.endpoint)) as run:
            self._wait_for_a_moment(run, before)
            run.kill()
            out, err = run.communicate()
        killed = run.returncode == -signal.SIGKILL
        assert err == ""
        assert killed or (run.returncode, self.results) == (0, self.jobs), "it was the kill that ended it"
        told = told_of_unknown(out)
        assert told in (None, expected), "a start tells how many requests may have been paid twice"
        self.kills.append(Kill(self.settled()["requests"] - before, self.results - saved, told))

    def _wait_for_a_moment(self, run: subprocess.Popen[str], before: int) -> None:
        share = (self.jobs - self.results) // (self.wanted + 1 - len(self.kills))
        wanted = before + self._random.randint(0, IN_FLIGHT + share)
        pause = self._random.uniform(0.0, 0.4 if wanted == before else 0.02)
        while self.endpoint.stats()["requests"] < wanted and run.poll() is None:
            time.sleep(0.003)
        time.sleep(pause)

    def finish(self) -> Ended:
        """Resume, and let the run end."""
        with start(*self._arguments, cwd=self.folder, env=environment(self.folder, self.endpoint)) as run:
            out, err = run.communicate(timeout=300)
        return Ended(run.returncode, out, err)

    def settled(self) -> dict[str, Any]:
        """What the server saw, once no request of it is under way any more."""
        last: dict[str, Any] = {}
        while True:
            stats = self.endpoint.stats()
            ended = sum(sum(row.values()) - row["requests"] for row in stats["by_key"].values())
            if stats == last and ended == stats["requests"]:
                return stats
            last = stats
            time.sleep(0.02)

    @property
    def results(self) -> int:
        return self.count("SELECT COUNT(*) FROM results") if self._journal_begun else 0

    @property
    def unknown(self) -> int | None:
        """Requests without an outcome whose job is still to be done; None for none."""
        return (self.count(_UNKNOWN) if self._journal_begun else 0) or None

    @property
    def _journal_begun(self) -> bool:
        """A kill may come between the making of the file and that of its tables."""
        return self.count("SELECT COUNT(*) FROM sqlite_master WHERE name = 'results'") == 1

    def report(self) -> str:
        """The figures, a line each."""
        extras = sorted(kill.extra for kill in self.kills)
        server = self.settled()
        return "\n".join(
            [
                "",
                f"kills                    {len(self.kills)} (seed {self.seed})",
                f"  before any request     {sum(kill.requests == 0 for kill in self.kills)}",
                f"jobs, in flight          {self.jobs:,}, {IN_FLIGHT}",
                f"results                  {self.results:,}",
                f"requests at the server   {server['requests']:,}",
                f"extra requests           {server['requests'] - self.jobs:,}",
                f"  a kill: mean, median   {sum(extras) / len(extras):.1f}, {extras[len(extras) // 2]}",
                f"  a kill: most (bound)   {extras[-1]} ({BOUND})",
                f"attempts without outcome {self.count(_LEFT):,}",
            ]
        )


def told_of_unknown(out: str) -> int | None:
    """The number in the notice of requests that may have been paid twice, if it was printed."""
    for line in out.splitlines():
        if "possibly paid twice" in line and line.endswith("}"):
            return int(json.loads(line)["text"].split()[0].replace(",", ""))
    return None


def assert_nothing_lost_or_doubled(loop: KillLoop, ended: Ended) -> None:
    """Every job has one right answer, and server, journal and results tell of the same requests."""
    server, lines = loop.settled(), results(loop.folder / "results.jsonl")
    assert [line["index"] for line in lines] == list(range(loop.jobs))
    assert all(line["state"] == "done" and line["correct"] for line in lines)
    assert loop.results == loop.count("SELECT COUNT(*) FROM attempts WHERE state = 'ok'") == loop.jobs
    extra = server["requests"] - loop.jobs
    assert loop.count("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('ok', 'unknown')") == 0
    assert extra <= loop.count(_LEFT), "every extra request is on record"
    assert extra == sum(kill.extra for kill in loop.kills)
    assert loop.count(_LEFT) <= BOUND * len(loop.kills)
    assert [kill for kill in loop.kills if not 0 <= kill.extra <= BOUND] == []
    assert sum(row["ok"] for row in server["by_key"].values()) >= loop.jobs
    summary = ended.summary
    assert summary["attempts"] == sum(key["sent"] for key in summary["keys"])
    assert summary["attempts"] == loop.count("SELECT COUNT(*) FROM attempts")
    assert (summary["done"], summary["failed"], summary["pending"]) == (loop.jobs, 0, 0)


def run_loop(loop: KillLoop) -> None:
    for _ in range(loop.wanted):
        loop.kill_once()
    unknown = loop.unknown
    ended = loop.finish()
    assert (ended.code, ended.err) == (0, "")
    assert told_of_unknown(ended.out) == unknown
    assert_nothing_lost_or_doubled(loop, ended)


def test_killed_a_few_times_and_resumed_nothing_is_lost_or_doubled(
    simulator: Simulator, tmp_path: Path
) -> None:
    run_loop(KillLoop(simulator(latency=0.1), tmp_path, jobs=600, wanted=4, seed=7))


@pytest.mark.slow
def test_killed_two_hundred_times_over_ten_thousand_jobs_nothing_is_lost_or_doubled(
    simulator: Simulator, tmp_path: Path
) -> None:
    loop = KillLoop(simulator(latency=0.2), tmp_path, jobs=10_000, wanted=200, seed=1)
    run_loop(loop)
    print(loop.report())
