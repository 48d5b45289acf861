"""The rate found by itself on the real simulator: what it answered and refused, by its own count.

    python -m tests.benchmarks.auto [RPM] [MINUTES]

Runs a batch with --auto against one key of RPM requests a minute, in real time, and prints for each minute
the share of the limit that was answered, and of the requests that were refused; and both for all minutes
after the fifth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.cli.command import environment, start
from tests.simulated import Simulated

_LEARNS_MIN = 5
_KEY = "one-key-0001"


def main(rpm: float = 300.0, minutes: int = 10) -> None:
    """Run the benchmark, and print its figures."""
    counts: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = int(rpm * (minutes + 3))
        (folder / "p.txt").write_text("".join(f"What is {n} + 1?\n" for n in range(jobs)))
        endpoint = Simulated(keys=(_KEY,), rpm=rpm, latency=0.8)
        try:
            command = ("run", "p.txt", "--headless", "--auto", "--run-dir", "run")
            with start(*command, cwd=folder, env=environment(folder, endpoint)):
                begun = time.monotonic()
                for minute in range(minutes + 1):
                    time.sleep(max(0.0, begun + 60.0 * minute - time.monotonic()))
                    row = endpoint.stats()["by_key"].get(_KEY, {})
                    counts.append((row.get("ok", 0), row.get("throttled", 0)))
        finally:
            endpoint.close()
    print(f"{'minute':>8}{'of limit':>10}{'refused':>9}")
    for minute in range(1, len(counts)):
        print(_line(str(minute), rpm, counts[minute - 1], counts[minute], 1))
    if minutes > _LEARNS_MIN:
        print(
            _line(f"{_LEARNS_MIN + 1}-{minutes}", rpm, counts[_LEARNS_MIN], counts[-1], minutes - _LEARNS_MIN)
        )


def _line(label: str, rpm: float, before: tuple[int, int], after: tuple[int, int], minutes: int) -> str:
    answered, refused = after[0] - before[0], after[1] - before[1]
    share = refused / max(1, answered + refused)
    return f"{label:>8}{answered / (rpm * minutes):>10.1%}{share:>9.2%}"


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int), sys.argv[1:], strict=False)))
