"""Answers that are too much, eight at once: refused, and the memory they take stays bound."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.floods import FLOODS

MOST = 100_000_000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.fault_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("fault", [fault.name for fault in FLOODS if fault.name != "compress"])
def test_a_flood_adds_less_than_100_mb(port: int, fault: str) -> None:
    """A line of 131 MB, an answer of 100 MB, a bomb of 1.25 GB."""
    command = [sys.executable, "-m", "tests.faults.heavy", f"{port}", fault]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    print(f"{fault}: {found['growth'] / 1e6:.1f} MB")
    assert found["kinds"] == [str(CATALOGUE[fault].kind)]
    assert found["growth"] < MOST
