"""A few of the kills of `python -m tests.batches.kills`, which `just batch-kills` makes by the thousand."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.waiting import LONGEST_S


@pytest.mark.parametrize(
    "only", ["create lost, lists lag", "slow, half done, all lost"], ids=["on its way out", "brought back"]
)
def test_batches_whose_run_is_killed_at_any_step_lose_nothing_and_are_executed_once(only: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.batches.kills", "--kills", "10", "--jobs", "20", "--only", only],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    kills, runs = map(int, re.findall(r"\d+", ended.stdout)[:2])
    assert kills >= 10
    assert runs >= 3
