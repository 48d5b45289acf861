"""What the benchmarks share: targets, runs of the program, tables of medians."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

__all__ = ["jobs_per_second", "no_home", "prompts", "served", "table", "target"]

_TARGET = Path(__file__).with_name("target.py")


@contextmanager
def target(latency: float = 0.0) -> Iterator[str]:
    """A target server in its own process; gives its base URL."""
    with served([sys.executable, str(_TARGET), "--latency", str(latency), str(latency)]) as base_url:
        yield base_url


@contextmanager
def served(command: Sequence[str]) -> Iterator[str]:
    """Run a server that prints its port first; gives its base URL."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()


def no_home(folder: Path, base_url: str) -> dict[str, str]:
    """An environment with three keys for `base_url` and nothing of the user's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OPENAI_API_KEY": "key-1,key-2,key-3",
        "OPENAI_BASE_URL": base_url,
    }


def prompts(folder: Path, count: int) -> Path:
    """A prompt set of `count` expressions."""
    path = folder / f"sums-{count}.toml"
    path.write_text(f'task = "arithmetic"\n[arithmetic]\ncount = {count}\nseed = 1\n')
    return path


def jobs_per_second(run: Path, in_flight: int = 0) -> float:
    """Requests a second of a finished run, from the first to the last one sent, without those `in_flight`
    that were sent before any answer.
    """
    with closing(sqlite3.connect(run / "journal.sqlite")) as db:
        count, first, last = db.execute(
            "SELECT COUNT(*), MIN(sent_at), MAX(sent_at) FROM attempts"
        ).fetchone()
    return float((count - in_flight) / (last - first))


def table(unit: str, measured: Mapping[str, Sequence[float]], *, against: str) -> str:
    """Medians of interleaved rounds, each as a multiple of `against`."""
    base = median(measured[against])
    width = max(len(name) for name in measured)
    lines = [f"{'':{width}}  {unit:>10}  {'ratio':>7}   min to max"]
    for name, values in measured.items():
        middle, spread = median(values), f"{min(values):,.0f} to {max(values):,.0f}"
        lines.append(f"{name:{width}}  {middle:10,.0f}  {middle / base:6.2f}x   {spread}")
    return "\n".join(lines)
