"""Batches that end otherwise than hoped; `just batch-scale` has the same with thousands of jobs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.waiting import LONGEST_S


@pytest.mark.parametrize(
    ("shape", "jobs", "late"),
    [
        ("openai", 101, 51),
        pytest.param("openai", 10_001, 5_001, marks=pytest.mark.slow),
        pytest.param("anthropic", 10_001, 5_001, marks=pytest.mark.slow),
    ],
)
def test_what_a_batch_leaves_undone_is_sent_once_and_each_part_costs_what_it_should(
    shape: str, jobs: int, late: int
) -> None:
    sizes = ["--jobs", str(jobs), "--late", str(late)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.batches.scale", "--shapes", shape, *sizes],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) == 3
