"""Fixtures that every folder may use."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
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

_TESTS = Path(__file__).resolve().parent
_GARBAGE = 100_000
"""Objects after which to look for garbage: an app makes so many that looks took a quarter of its tests."""


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Look for garbage in what the tests make only, and seldom: what is imported and collected stays."""
    gc.disable()
    _load_share(session.config)
    collected = yield
    _check_nothing()
    gc.enable()
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    return collected


def _load_share(config: pytest.Config) -> None:
    """Load a share of the test modules first, where all are due, as each worker does with another one.

    Pytest compiles a module when it is loaded for the first time. Each worker loads all of them, and would
    compile each beside the others.
    """
    number, count = _worker(config)
    if count == 1 or [Path(each).resolve() for each in config.args] != [_TESTS]:
        return
    modules = sorted(_TESTS.rglob("test_*.py"))
    for path in modules[number * len(modules) // count : (number + 1) * len(modules) // count]:
        name = ".".join(path.relative_to(_TESTS.parent).with_suffix("").parts)
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - told, with its place, when it is collected
            return


def _worker(config: pytest.Config) -> tuple[int, int]:
    """The number of this worker, and how many there are."""
    known: dict[str, Any] = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    return int(known["workerid"].removeprefix("gw")), known["workercount"]


@given(st.none())
def _check_nothing(_: None) -> None:
    """Makes Hypothesis ask the collector now who holds its source of randomness.

    It asks in the first property of a process, and finds no holder that is frozen: by what is above, or by a
    session that a test ran before.
    """


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: more than there are cores, as most of the time tests wait: for programs that they
    started, for timers, for what is painted.
    """
    return (os.cpu_count() or 1) + 3


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
