"""P5: what an open dashboard costs: the same run headless and in a terminal of 120 x 36 that is read all the
time.

`python -m tests.benchmarks.dashboard [rounds]`; at full speed, and at 100 jobs a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.bench import jobs_per_second, no_home, prompts, table, target
from tests.cli.terminal import Terminal


def measure(
    folder: Path, base_url: str, jobs: int, rate: str, *, stream: bool, name: str
) -> tuple[float, float]:
    """Jobs a second (headless, with the dashboard open)."""
    mode = "--stream" if stream else "--no-stream"
    arguments = ("run", prompts(folder, jobs), "--rate", rate, mode, "--concurrency", "64", "--run-dir")
    headless, watched = folder / f"{name}-headless", folder / f"{name}-watched"
    env = no_home(folder, base_url)
    command = [sys.executable, "-m", "llmdash", *map(str, arguments), str(headless), "--headless", "--json"]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    with Terminal(*arguments, watched, cwd=folder, env=env) as terminal:
        terminal.wait_for(
            lambda screen: "● done" in screen.splitlines()[0] or "done " in screen.splitlines()[0]
        )
        terminal.stop_run()
        terminal.wait()
    return jobs_per_second(headless), jobs_per_second(watched)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for title, jobs, rate in (("full speed", 20_000, "unlimited"), ("100 jobs/s", 1_000, "100/s")):
        measured: dict[str, list[float]] = {"headless": [], "dashboard open": []}
        with tempfile.TemporaryDirectory() as name, target() as base_url:
            for number in range(rounds):
                headless, watched = measure(Path(name), base_url, jobs, rate, stream=False, name=f"{number}")
                measured["headless"].append(headless)
                measured["dashboard open"].append(watched)
        print(title)
        print(table("jobs/s", measured, against="headless"), end="\n\n")


if __name__ == "__main__":
    main()
