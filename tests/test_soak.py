"""A few thousand calls at 5 % faults, as `tests.soak` makes 200,000: nothing leaks, and both sides
count the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.soak import Server, fault_endpoint, simulated_endpoint, soak

CONCURRENCY = 32
OTHER_DESCRIPTORS = 48  # the program's own: standard streams, the journal, the loop; about 20


@pytest.mark.parametrize(
    ("endpoint", "calls", "faults", "closing"),
    [
        pytest.param(simulated_endpoint, 3_000, 0.05, 0, id="errors"),
        # A request may be written into a connection that the server is just closing, and never be seen.
        pytest.param(fault_endpoint, 800, 0.2, 3, id="every fault"),
    ],
)
def test_a_run_over_a_server_that_fails_keeps_no_connection_and_no_account_open(
    endpoint: Callable[[float], AbstractContextManager[Server]],
    calls: int,
    faults: float,
    closing: int,
    tmp_path: Path,
) -> None:
    """More than a hundred connections break: one descriptor lost with each would be seen."""
    with endpoint(faults) as server:
        soaked = soak(calls, server, tmp_path, CONCURRENCY)
    assert (soaked.exit_code, soaked.done, soaked.exported) == (0, calls, calls)
    assert (soaked.ok, soaked.server_whole) == (calls, calls)
    assert 0 <= soaked.lost <= closing
    assert sum(soaked.failures.values()) == soaked.sent - soaked.ok > 100
    assert max(each.descriptors for each in soaked.samples) <= CONCURRENCY + OTHER_DESCRIPTORS
