"""The rate by the server's clock, whatever happens to the client: stopped, slid, shown wrong clocks.

`tests.benchmarks.rate --stress` prints what is found over minutes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.arrivals import Arrivals, arrivals, most_in_a_second
from tests.rate_stress import excess, steered
from tests.waiting import wait_for

RATES = (5.0, 20.0, 60.0, 100.0, 200.0)


@pytest.fixture
def endpoint() -> Iterator[Arrivals]:
    with arrivals(0.05) as server:
        yield server


def test_no_second_of_the_servers_passes_the_rate_through_stops_slides_and_clocks_that_jump(
    endpoint: Arrivals, tmp_path: Path
) -> None:
    rng = random.Random(1)
    with steered(endpoint, tmp_path, wrong_clocks=True) as client:
        client.set(200.0)
        time.sleep(0.5)
        for seconds in (3.0, 0.1, 0.5):
            client.stop(seconds)
            time.sleep(rng.uniform(0.1, 0.4))
            client.slide(0.5, RATES, rng)
        wait_for(lambda: len(endpoint.times) > 100, "requests, however few a busy machine makes in a second")
        client.end()
    times = endpoint.sorted()
    assert excess(times, client.changes) == []


def test_a_key_that_may_have_so_many_a_minute_gets_no_more_after_a_suspension_than_a_second_of_it(
    endpoint: Arrivals, tmp_path: Path
) -> None:
    """600 a minute are 10 a second: with the ten of the idle second, twenty at most."""
    with steered(endpoint, tmp_path, rpm=600) as client:
        client.set(500.0)
        time.sleep(0.5)
        client.stop(1.5)
        time.sleep(0.5)
        client.end()
    for key in set(endpoint.keys):
        of_key = sorted(at for at, k in zip(endpoint.times, endpoint.keys, strict=True) if k == key)
        assert most_in_a_second(of_key) <= 20


@pytest.mark.slow
def test_an_hour_of_trouble_in_four_minutes(endpoint: Arrivals, tmp_path: Path) -> None:
    rng = random.Random(2)
    with steered(endpoint, tmp_path, wrong_clocks=True) as client:
        client.set(100.0)
        for seconds in (60.0, 0.05, 10.0, 60.0, 0.3, 2.5):
            time.sleep(rng.uniform(2.0, 4.0))
            client.stop(seconds)
            time.sleep(rng.uniform(0.0, 1.5))
            client.slide(10.0, RATES, rng)
            client.set(rng.choice(RATES))
        client.end()
    assert excess(endpoint.sorted(), client.changes) == []
