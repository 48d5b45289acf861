"""How fast a headless run is, as ratios: to its peers, and to llmdash of an earlier commit.

`python -m tests.benchmarks.ratios [--before COMMIT] [--rounds N] [--jobs N] [--json FILE]` prints one table.
Everything is on (journal, pool, an open limiter), 64 in flight, nothing streams, the target answers at once.
The engine's floor is a run whose attempts are answered without HTTP. Rounds are interleaved: each of them
measures every row once, every other one in the reverse order.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import target
from tests.benchmarks.environments import (
    Environment,
    commit_hash,
    environment_of_commit,
    environment_of_peers,
    environment_of_tree,
    title_of,
)
from tests.benchmarks.figures import THIS, Row, ratio_table, records
from tests.benchmarks.measurements import PEERS, Measurements
from tests.benchmarks.peers import IN_FLIGHT

BEFORE = "llmdash, before"
PACKAGES = ("langchain-openai", "langchain-core", "openai", "httpx", "httpx2", "httpx-aiohttp", "aiohttp")
"""Those whose versions are shown, wherever they are installed."""

Measure = Callable[[], Mapping[Row, float]]


@dataclass(frozen=True)
class Compared:
    """What is compared, each in an environment of its own."""

    commit: str
    """The full hash of the commit before."""
    this: Environment
    before: Environment
    peers: Environment

    def round_of(self, measurements: Measurements) -> list[Measure]:
        """What one round measures; this tree and the commit before stand side by side."""
        return [
            partial(measurements.headless, THIS, self.this),
            partial(measurements.headless, BEFORE, self.before),
            *(partial(measurements.peer, name, self.peers) for name in PEERS),
            measurements.target_itself,
            partial(measurements.floor, THIS, self.this),
            partial(measurements.floor, BEFORE, self.before),
        ]

    def facts(self) -> dict[str, Any]:
        """The commits and the versions, and the packages that are not the same before and now."""
        now, then = self.this.versions, self.before.versions
        names = sorted((now.keys() | then.keys()) - {"llmdash"})
        return {
            "this": title_of("HEAD"),
            "before": title_of(self.commit),
            "python": platform.python_version(),
            "peers": _shown(self.peers),
            "llmdash": _shown(self.this),
            "not_as_before": {
                name: [then.get(name), now.get(name)] for name in names if then.get(name) != now.get(name)
            },
        }


def _shown(environment: Environment) -> dict[str, str]:
    return {name: environment.versions[name] for name in PACKAGES if name in environment.versions}


def made(commit: str) -> Compared:
    """The environments; making them takes a minute the first time."""
    return Compared(commit, environment_of_tree(), environment_of_commit(commit), environment_of_peers())


def measured(round_of: list[Measure], rounds: int) -> dict[Row, list[float]]:
    """The figures of `rounds` rounds."""
    figures: dict[Row, list[float]] = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for measure in round_of if number % 2 == 0 else reversed(round_of):
            for row, figure in measure().items():
                figures.setdefault(row, []).append(figure)
    return figures


def heading(facts: Mapping[str, Any]) -> str:
    """What stands above the table."""
    peers, llmdash = (
        ", ".join(f"{name} {version}" for name, version in facts[of].items()) for of in ("peers", "llmdash")
    )
    lines = [
        f"this tree  {facts['this']}  (as it is now, committed or not)",
        f"before     {facts['before']}",
        f"Python {facts['python']}; peers with {peers}; llmdash with {llmdash}",
        f"{facts['jobs']:,} jobs a run, {facts['peer_jobs']:,} of a peer, {facts['in_flight']} in flight",
        f"{facts['processors']} processors, load {facts['load']} at the start: on a busy machine look at cpu",
        "ratio: how many times as fast this tree is, the median over the rounds",
    ]
    differing = [f"{name} {then} before, {now} now" for name, (then, now) in facts["not_as_before"].items()]
    return "\n".join([*lines, *(f"not the same: {each}" for each in differing)])


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--before", type=commit_hash, metavar="COMMIT", default="HEAD~1", help="the earlier commit"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--jobs", type=int, default=20_000, metavar="N", help="jobs a run of llmdash")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    compared = made(asked.before)
    machine = {"processors": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as folder, target() as base_url:
        measurements = Measurements(Path(folder), base_url, asked.jobs)
        figures = measured(compared.round_of(measurements), asked.rounds)
    amounts = {"jobs": asked.jobs, "peer_jobs": measurements.peer_jobs, "in_flight": IN_FLIGHT}
    facts = {**compared.facts(), **amounts, **machine, "rounds": asked.rounds}
    print(heading(facts), ratio_table(figures), sep="\n\n")
    if asked.json is not None:
        asked.json.write_text(json.dumps({**facts, "rows": records(figures)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
