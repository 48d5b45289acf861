"""A run on a disk that fills up and is freed again: see tests/full_disk.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.full_disk import namespace


@pytest.mark.parametrize(
    ("cycles", "jobs", "rate", "stops_within_s"),
    [
        (2, 1_500, 100, 30),  # so that the run has not ended before a busy machine has filled the disk twice
        pytest.param(20, 10_000, 400, 1, marks=pytest.mark.slow),
    ],
    ids=["short", "whole"],
)
def test_a_disk_that_fills_up_loses_nothing_and_the_run_goes_on_when_there_is_room(
    cycles: int, jobs: int, rate: int, stops_within_s: int
) -> None:
    if namespace() is None:
        pytest.skip("this system lets nobody mount a file system")
    options = {"--cycles": cycles, "--jobs": jobs, "--rate": rate, "--stops-within": stops_within_s}
    given = [str(part) for option in options.items() for part in option]
    command = [sys.executable, "-m", "tests.full_disk", *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
