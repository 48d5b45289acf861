"""A run on a disk that fills up and is freed again: see tests/full_disk.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.full_disk import namespace


@pytest.mark.parametrize(
    ("cycles", "jobs", "stops_within_s"),
    [(2, 1_500, 30), pytest.param(20, 10_000, 1, marks=pytest.mark.slow)],
    ids=["short", "whole"],
)
def test_a_disk_that_fills_up_loses_nothing_and_the_run_goes_on_when_there_is_room(
    cycles: int, jobs: int, stops_within_s: int
) -> None:
    if namespace() is None:
        pytest.skip("this system lets nobody mount a file system")
    options = {"--cycles": cycles, "--jobs": jobs, "--stops-within": stops_within_s}
    given = [str(part) for option in options.items() for part in option]
    command = [sys.executable, "-m", "tests.full_disk", *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
