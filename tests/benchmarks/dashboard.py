"""P5: what an open dashboard costs: the same run headless and in a terminal of 120 x 36 that is read all the
time, and drawn by nobody: who emulates a terminal in Python takes a third of a core.

`python -m tests.benchmarks.dashboard [rounds]`; at full speed, at 100 jobs a second, and with a rate that is
found by itself. The prompts are JSON lines with fields that are carried along, every answer is checked, and
the table shows fields and prompts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.bench import jobs_per_second, table, target
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.recorded import RecordedTerminal
from tests.benchmarks.rows import finished, home, prompt_file
from tests.waiting import wait_for

_LONGEST_S = 600.0
_CASES = (
    ("full speed", 20_000, ("--rate", "unlimited")),
    ("100 jobs/s", 1_000, ("--rate", "100/s")),
    ("found by itself, at most 500/s", 20_000, ("--auto", "--rate", "500/s")),
)


def measure(folder: Path, base_url: str, jobs: int, pace: Sequence[str]) -> tuple[float, float, float, float]:
    """Return jobs a second (headless, with the dashboard open), and microseconds of processor time a job (of
    the engine, of the dashboard).
    """
    how = (*pace, "--no-stream", "--concurrency", "64", "--check", "contains", "--run-dir")
    arguments = ("run", prompt_file(folder, jobs), *how)
    headless, watched = folder / "headless", folder / "run"
    env = home(folder, base_url)
    command = [sys.executable, "-m", "llmdash", *map(str, arguments), str(headless), "--headless", "--json"]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with RecordedTerminal(*arguments, watched, cwd=folder, env=env) as terminal:
        engine = terminal.engine
        wait_for(lambda: finished(watched) == jobs, within_s=_LONGEST_S, every_s=0.1)
        costs = [cpu_s(pid) / jobs * 1e6 for pid in (engine, terminal.process.pid)]
        terminal.stop_reading()
    return jobs_per_second(headless), jobs_per_second(watched), costs[0], costs[1]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for title, jobs, pace in _CASES:
        measured: dict[str, list[float]] = {"headless": [], "dashboard open": []}
        costs: list[tuple[float, float]] = []
        with target() as base_url:
            for _ in range(rounds):
                with tempfile.TemporaryDirectory() as name:
                    headless, watched, engine, own = measure(Path(name), base_url, jobs, pace)
                measured["headless"].append(headless)
                measured["dashboard open"].append(watched)
                costs.append((engine, own))
        print(title)
        print(table("jobs/s", measured, against="headless"))
        engine, own = min(costs)
        print(f"processor time a job, starts included: engine {engine:.0f} us, dashboard {own:.0f} us\n")


if __name__ == "__main__":
    main()
