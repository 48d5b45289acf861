"""A long run over a server that fails now and then: what it keeps that it should let go, and whether the
accounts of both sides agree.

    python -m tests.soak --calls 200000 --faults 0.05

prints memory and descriptors of the program by tenths of the run, and what it counted beside what the server
did. `--simulator` fails with 500 and 529 alone, and faster; without, faults are those of the catalogue that
may happen to any request, but for throttling: a key that rests for seconds makes a long run of any.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from llmdash.llms.wire.failures import FailureKind
from tests.cli.command import environment, results, start
from tests.faults.catalogue import CATALOGUE, MIXED
from tests.simulated import Simulated

__all__ = ["Sample", "Server", "Soaked", "fault_endpoint", "simulated_endpoint", "soak"]

KEYS = ("sk-soak-0001-aaaaaaaaaaaa", "sk-soak-0002-bbbbbbbbbbbb", "sk-soak-0003-cccccccccccc")
CONCURRENCY = 128
_EVERY_S = 0.25


class Server(NamedTuple):
    """Where requests go, and what it says of them: requests, and answers it gave whole."""

    base_url: str
    counts: Callable[[], tuple[int, int]]
    patience_s: float = 60.0
    """How long a request waits for it: what a server without a processor answers too late it has answered."""


class Sample(NamedTuple):
    """The program at one moment: requests the server has seen by then, KB of memory, descriptors, threads."""

    requests: int
    rss_kb: int
    descriptors: int
    threads: int


@dataclass
class Soaked:
    """What came of a run. `sent` and `ok` are counted in the journal, the rest by whoever is named."""

    calls: int
    exit_code: int = -1
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    ok: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    server_requests: int = 0
    server_whole: int = 0
    done: int = 0
    exported: int = 0

    def at(self, share: float) -> Sample:
        """The first sample behind that share of the run."""
        wanted = share * self.server_requests
        return next((each for each in self.samples if each.requests >= wanted), self.samples[-1])

    @property
    def lost(self) -> int:
        """Requests the server never saw: written into a connection that it was just closing."""
        return self.sent - self.server_requests

    @property
    def growth(self) -> tuple[float, float]:
        """The most memory and the most descriptors beside those at a tenth of the run, less 1."""
        early = self.at(0.1)
        later = [each for each in self.samples if each.requests >= early.requests]
        memory = max(each.rss_kb for each in later) / early.rss_kb - 1.0
        return memory, max(each.descriptors for each in later) / early.descriptors - 1.0


def soak(calls: int, server: Server, folder: Path, concurrency: int = CONCURRENCY) -> Soaked:
    """Send `calls` prompts to `server` with the program, as fast as it can."""
    prompts = folder / "prompts.jsonl"
    with prompts.open("w") as file:
        for number in range(calls):
            file.write(json.dumps({"id": f"n{number}", "prompt": f"{number} + 2"}) + "\n")
    more = {
        "OPENAI_API_KEY": ",".join(KEYS),
        "OPENAI_BASE_URL": server.base_url,
        "LLMDASH_RATE": "unlimited",
        "LLMDASH_CONCURRENCY": str(concurrency),
        "LLMDASH_FIRST_BYTE_TIMEOUT": str(server.patience_s),
        "LLMDASH_STALL_TIMEOUT": str(server.patience_s),
        "LLMDASH_TOTAL_TIMEOUT": str(2 * server.patience_s),
    }
    soaked, began = Soaked(calls), time.monotonic()
    arguments = ("run", prompts, "--headless", "--out", folder / "results.jsonl", "--run-dir", folder / "run")
    log = (folder / "log.txt").open("w")
    with start(*arguments, cwd=folder, env=environment(folder, **more)) as process, log:
        while process.poll() is None:
            _look(process.pid, server, soaked)
            time.sleep(_EVERY_S)
        out, err = process.communicate()
        log.write(out + err)
    soaked.exit_code, soaked.seconds = process.returncode, time.monotonic() - began
    soaked.server_requests, soaked.server_whole = server.counts()
    _count(folder, soaked)
    return soaked


def _look(pid: int, server: Server, soaked: Soaked) -> None:
    place = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        descriptors = len(list((place / "fd").iterdir()))
        rss, threads = status["VmRSS"].split()[0], status["Threads"]
    except (OSError, KeyError):
        return  # it has just ended
    soaked.samples.append(Sample(server.counts()[0], int(rss), descriptors, int(threads)))


def _count(folder: Path, soaked: Soaked) -> None:
    database = sqlite3.connect(folder / "run" / "journal.sqlite")
    try:
        ask = database.execute
        soaked.sent = ask("SELECT COUNT(*) FROM attempts WHERE state <> 'unsent'").fetchone()[0]
        soaked.ok = ask("SELECT COUNT(*) FROM attempts WHERE state = 'ok'").fetchone()[0]
        soaked.done = ask("SELECT COUNT(*) FROM results WHERE state = 'done'").fetchone()[0]
        soaked.failures = dict(
            ask("SELECT failure, COUNT(*) FROM attempts WHERE state = 'failed' GROUP BY failure")
        )
    finally:
        database.close()
    soaked.exported = len(results(folder / "results.jsonl"))


@contextmanager
def simulated_endpoint(faults: float) -> Iterator[Server]:
    """The simulator, which answers at once."""
    endpoint = Simulated(keys=KEYS, error_rate=faults)

    def counts() -> tuple[int, int]:
        stats = endpoint.stats()
        return stats["requests"], sum(row["ok"] for row in stats["by_key"].values())

    try:
        yield Server(endpoint.base_url, counts)
    finally:
        endpoint.close()


@contextmanager
def fault_endpoint(faults: float) -> Iterator[Server]:
    """The server that fails in every way there is."""
    names = [name for name in MIXED if CATALOGUE[name].kind is not FailureKind.THROTTLE]
    how = ["--port", "0", "--share", str(faults), "--faults", ",".join(names)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault_server", *how],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            root = f"http://127.0.0.1:{int(process.stdout.readline())}"

            def counts() -> tuple[int, int]:
                with urllib.request.urlopen(f"{root}/__stats__") as answer:  # noqa: S310 - loopback
                    stats: dict[str, Any] = json.load(answer)
                return stats["requests"], stats["whole"]

            yield Server(f"{root}/v1", counts, patience_s=5.0)  # some of its faults last until then
        finally:
            process.kill()


def _report(soaked: Soaked) -> None:
    print("    run   requests   memory MB  descriptors  threads")
    for tenth in range(11):
        sample = soaked.at(tenth / 10)
        print(
            f"{tenth * 10:6d}% {sample.requests:10,d} {sample.rss_kb / 1024:11.1f} {sample.descriptors:12d} "
            f"{sample.threads:8d}"
        )
    memory, descriptors = soaked.growth
    print(
        f"the most behind 10 %: memory {memory:+.1%}, descriptors {descriptors:+.1%}; "
        f"{soaked.seconds:.0f} s, exit code {soaked.exit_code}"
    )
    print(f"sent {soaked.sent:,}, the server saw {soaked.server_requests:,}; never seen {soaked.lost:,}")
    print(f"ok {soaked.ok:,}, the server answered {soaked.server_whole:,} whole")
    print(f"calls {soaked.calls:,}, done {soaked.done:,}, lines exported {soaked.exported:,}")
    print(f"failures survived: {soaked.failures}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--simulator", action="store_true")
    asked = parser.parse_args()
    endpoint = simulated_endpoint if asked.simulator else fault_endpoint
    with tempfile.TemporaryDirectory() as name, endpoint(asked.faults) as server:
        _report(soak(asked.calls, server, Path(name)))


if __name__ == "__main__":
    main()
