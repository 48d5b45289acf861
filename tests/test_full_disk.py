"""A run on a disk that fills up and is freed again: see tests/full_disk.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.full_disk import namespace


@pytest.mark.parametrize(
    ("cycles", "jobs"), [(2, 1_500), pytest.param(20, 10_000, marks=pytest.mark.slow)], ids=["short", "whole"]
)
def test_a_disk_that_fills_up_loses_nothing_and_the_run_goes_on_when_there_is_room(
    cycles: int, jobs: int
) -> None:
    if namespace() is None:
        pytest.skip("this system lets nobody mount a file system")
    command = [sys.executable, "-m", "tests.full_disk", "--cycles", str(cycles), "--jobs", str(jobs)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
