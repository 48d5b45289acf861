"""Fixtures that every folder may use."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulated import Simulated

# Programs that tests start inherit what is ignored here, as under `nohup` or in a script's background.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulated]]:
    """Starts simulators: `simulator(keys=("a", "b"), rpm=60)`; see SimulatorSettings. They end with the test.

    Without `latency` they answer at once.
    """
    started: list[Simulated] = []

    def start(**settings: Any) -> Simulated:
        started.append(Simulated(**settings))
        return started[-1]

    yield start
    for each in started:
        each.close()
