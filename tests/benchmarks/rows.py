"""Runs with everything on: rows of JSON with fields that are carried along, an answer that is expected, a
table that shows fields and prompts, and two endpoints whose keys have limits and whose model has a price.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.bench import no_home

__all__ = ["finished", "home", "prompt_file"]

_ENDPOINTS = ("FIRST", "SECOND")
_ENDPOINT = """
[[endpoint]]
name = "{name}"
base_url = "{base_url}"
model = "measured"
api_key_env = "{name}_KEYS"
rpm = 1_000_000
tpm = 1_000_000_000
concurrency = 512
"""
_PRICES = """
[prices."measured"]
input = 0.15
output = 0.6
"""
_COLUMNS = '["id", "state", "key", "input.topic", "prompt", "why"]'


def prompt_file(folder: Path, jobs: int, first: str = "") -> Path:
    """Write JSON lines with fields that are carried along and an expected answer.

    The first prompt begins with `first`.
    """
    path = folder / f"rows-{jobs}.jsonl"
    with path.open("w") as file:
        for number in range(jobs):
            row = {
                "id": f"row-{number:06}",
                "prompt": f"{first}Work out {number} + 1, and say how.",
                "expected": "2",
            }
            file.write(json.dumps({**row, "topic": f"sums of {number % 97}", "level": number % 7}) + "\n")
            first = ""
    return path


def home(folder: Path, base_url: str) -> dict[str, str]:
    """Return the environment of a user who has chosen columns of carried fields and of prompts, and has two
    endpoints, both at `base_url`, of two keys each; no limit of a key is ever reached.
    """
    settings = folder / ".config" / "llmdash"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "preferences.toml").write_text(f"columns = {_COLUMNS}\n")
    endpoints = (_ENDPOINT.format(name=name, base_url=base_url) for name in _ENDPOINTS)
    (settings / "llmdash.toml").write_text("".join(endpoints) + _PRICES)
    keys = {f"{name}_KEYS": f"{name}-key-1,{name}-key-2" for name in _ENDPOINTS}
    return {"PATH": no_home(folder, base_url)["PATH"], "HOME": str(folder), **keys}


def finished(folder: Path) -> int:
    """Return how many jobs of the run in `folder` have ended."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
            return int(journal.execute("SELECT COUNT(*) FROM results").fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return 0
