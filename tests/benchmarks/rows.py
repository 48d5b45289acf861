"""Runs with everything on: rows of JSON with fields that are carried along, an answer that is expected, and a
table that shows fields and prompts.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.bench import no_home

__all__ = ["finished", "home", "prompt_file"]

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
    """Return the environment of a user who has chosen columns of carried fields and of prompts."""
    settings = folder / ".config" / "llmdash"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "preferences.toml").write_text(f"columns = {_COLUMNS}\n")
    return no_home(folder, base_url)


def finished(folder: Path) -> int:
    """Return how many jobs of the run in `folder` have ended."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
            return int(journal.execute("SELECT COUNT(*) FROM results").fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return 0
