"""P1: a headless run with everything on, 64 in flight, beside LangChain's `abatch` and bare httpx.

`python -m tests.benchmarks.throughput [rounds]`; the target answers at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.bench import jobs_per_second, no_home, peer_python, prompts, table, target

JOBS = 20_000
PEER_JOBS = 3_000


def llmdash(folder: Path, base_url: str, number: int) -> float:
    """Jobs a second of one headless run."""
    run = folder / f"run-{number}"
    options = (
        "--headless",
        "--json",
        "--rate",
        "unlimited",
        "--no-stream",
        "--concurrency",
        "64",
        "--run-dir",
        str(run),
    )
    command = [sys.executable, "-m", "llmdash", "run", str(prompts(folder, JOBS)), *options]
    subprocess.run(command, env=no_home(folder, base_url), check=True, stdout=subprocess.DEVNULL)
    return jobs_per_second(run)


def peer(name: str, base_url: str) -> float:
    """Jobs a second of a rival."""
    script = Path(__file__).with_name("peers.py")
    command = [str(peer_python()), str(script), name, base_url, str(PEER_JOBS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured: dict[str, list[float]] = {"LangChain abatch": [], "httpx gather": [], "llmdash headless": []}
    with tempfile.TemporaryDirectory() as name, target() as base_url:
        for number in range(rounds):
            measured["LangChain abatch"].append(peer("langchain", base_url))
            measured["httpx gather"].append(peer("httpx", base_url))
            measured["llmdash headless"].append(llmdash(Path(name), base_url, number))
    for against in ("LangChain abatch", "httpx gather"):
        print(table("jobs/s", measured, against=against), end="\n\n")


if __name__ == "__main__":
    main()
