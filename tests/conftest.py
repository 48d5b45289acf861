"""Fixtures that every folder may use."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulated import Simulated

# Programs that tests start inherit what is ignored here, as under `nohup` or in a script's background.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)

# Pictures are the same on a terminal with a light ground.
os.environ.pop("COLORFGBG", None)

# How long an example takes says how busy the machine is. What CI tries is the same every time, so that more
# examples would find nothing more there: `pytest --hypothesis-profile=thorough` looks for what is new.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
settings.register_profile("default", _UNTIMED)
settings.register_profile("ci", _UNTIMED, derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", _UNTIMED, max_examples=500)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_GARBAGE = 100_000
"""Objects after which to look for garbage: an app makes so many that looks took a quarter of its tests."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage in what the tests make only, and seldom: what is imported and collected stays."""
    gc.disable()
    collected = yield
    _check_nothing()
    gc.enable()
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    return collected


@given(st.none())
def _check_nothing(_: None) -> None:
    """Makes Hypothesis ask the collector now who holds its source of randomness.

    It asks in the first property of a process, and finds no holder that is frozen: by what is above, or by a
    session that a test ran before.
    """


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: one more than there are cores, as many tests wait for a program they started."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulated]]:
    """Starts simulators: `simulator(keys=("a", "b"), rpm=60)`; see SimulatorSettings. They end with the test.

    Without `latency` they answer at once; unless `strict=False` they refuse fields that are not published.
    """
    started: list[Simulated] = []

    def start(**settings: Any) -> Simulated:
        started.append(Simulated(**settings))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulated]:
    """One simulator for all tests of a module that ask it and leave no orders behind."""
    running = Simulated()
    yield running
    running.close()
