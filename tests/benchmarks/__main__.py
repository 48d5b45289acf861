"""What llmdash is to reach beside its peers, in one table of ratios and bars.

`python -m tests.benchmarks [CASE ...] [--rounds N] [--json FILE] [--before COMMIT] [--scale SHARE]`. Each
round measures every row once, every other one in the reverse order. A ratio says how many times as
good llmdash is, the median over the rounds; a figure without one stands beside its bar itself.
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
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.cases import CASES
from tests.benchmarks.cases.case import Case, Step
from tests.benchmarks.environments import commit_hash, title_of
from tests.benchmarks.figures import Goal, Row, ratio_table, records
from tests.benchmarks.measurements import Measurements, NotMeasured

SHOWN = (
    *("langchain-openai", "langchain-core", "openai", "litellm", "aiperf", "guidellm", "httpx", "httpx2"),
    *("aiohttp", "textual", "uvloop"),
)
"""The packages whose versions are shown, wherever they are installed."""


class Rounds:
    """The figures of all rounds so far, and why something has none."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._steps = list(dict.fromkeys(step for case in cases for step in case.steps))
        self.figures: dict[Row, list[float]] = {}
        self.missing: dict[str, str] = {}

    def measure(self, measurements: Measurements, rounds: int) -> None:
        """Measure so many rounds."""
        for number in range(rounds):
            for step in self._steps if number % 2 == 0 else reversed(self._steps):
                if step.who not in self.missing and number < step.rounds:
                    print(f"round {number + 1} of {rounds}: {step.who}", file=sys.stderr, flush=True)
                    self._measure(step, measurements)

    def _measure(self, step: Step, measurements: Measurements) -> None:
        try:
            found = step.measure(measurements)
        except (NotMeasured, AssertionError, subprocess.CalledProcessError) as reason:
            self.missing[step.who] = str(reason).partition("\n")[0]  # one that hangs must not end the others
            return
        for row, figure in found.items():
            self.figures.setdefault(row, []).append(figure)


def facts(measurements: Measurements, commit: str) -> dict[str, Any]:
    """The commits, the machine, and the versions in each environment."""
    return {
        "this": title_of("HEAD"),
        "before": title_of(commit),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "versions": {
            name: {package: of[package] for package in SHOWN if package in of}
            for name, of in measurements.versions.items()
        },
    }


def heading(found: Mapping[str, Any]) -> str:
    """What stands above the table."""
    rounds = "1 round" if found["rounds"] == 1 else f"{found['rounds']} rounds"
    lines = [
        f"this tree  {found['this']}  (as it is now, committed or not)",
        f"before     {found['before']}",
        f"Python {found['python']}, {found['processors']} processors, load {found['load']} at the start, "
        f"{rounds} in {found['took_s'] / 60:.0f} min: on a busy machine look at cpu",
    ]
    for name, of in found["versions"].items():
        lines.append(f"{name:10} {', '.join(f'{package} {version}' for package, version in of.items())}")
    if found["scale"] != 1:
        lines.append(f"tried out with {found['scale']:g} of the jobs: no figure is one to go by")
    return "\n".join([*lines, "ratio: how many times as good llmdash is, the median over the rounds"])


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    names = "\n".join(f"  {case.name:12} {case.about}" for case in CASES.values())
    parser = argparse.ArgumentParser(
        prog="just bench",
        description=(__doc__ or "").partition("\n")[0],
        epilog=f"cases:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help="which ones; all of them where none is named"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="SHARE", help="of the jobs, to try it out"
    )
    parser.add_argument(
        "--before", type=commit_hash, metavar="COMMIT", default="HEAD~1", help="the earlier commit"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    asked = parser.parse_args(words)
    unknown = [name for name in asked.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]}; there are {', '.join(CASES)}")
    return asked


def main() -> None:
    asked = arguments()
    cases = [CASES[name] for name in asked.cases or CASES]
    goals: dict[Row, Goal] = {row: goal for case in cases for row, goal in case.goals.items()}
    rounds, load, begun = Rounds(cases), round(os.getloadavg()[0], 1), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as resources:
        measurements = Measurements(Path(folder), asked.before, asked.scale, resources)
        rounds.measure(measurements, asked.rounds)
        found = facts(measurements, asked.before)
    found |= {"rounds": asked.rounds, "scale": asked.scale, "load": load, "took_s": time.monotonic() - begun}
    found |= {"missing": rounds.missing, "rows": records(rounds.figures, goals)}
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    print(heading(found), ratio_table(rounds.figures, goals, rounds.missing), sep="\n\n")


if __name__ == "__main__":
    main()
