"""A few of the kills of `python -m tests.batches.kills`, which `just batch-kills` makes by the thousand."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.waiting import LONGEST_S


def test_batches_whose_run_is_killed_at_any_step_lose_nothing_and_are_executed_once() -> None:
    some = ["--kills", "20", "--jobs", "20", "--only", "done, all lost"]  # in each shape
    ended = subprocess.run(
        [sys.executable, "-m", "tests.batches.kills", *some],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    kills, runs = map(int, re.findall(r"\d+", ended.stdout)[:2])
    assert kills >= 20
    assert runs >= 5
