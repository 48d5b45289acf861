"""How long requests take at what limits a run, and which limit that is."""

from __future__ import annotations

import math

import pytest

from llmdash.engine.dispatch.throughput import Throughput, seconds_of
from llmdash.engine.model.forecast import Range


def all_of(requests: float) -> Range:
    return Range(requests, requests, requests)


def added_up(requests: float, begins: float, most: float) -> float:
    """The seconds that they take at a rate that doubles every 10 s up to `most`, in small steps."""
    sent = seconds = 0.0
    while sent < requests:
        sent += min(most, begins * 2.0 ** (seconds / 10.0)) * 0.01
        seconds += 0.01
    return seconds


@pytest.mark.parametrize(
    ("requests", "pace"),
    [
        (80, Throughput(climbs_from=2.0, concurrency=1_000)),
        (5_000, Throughput(climbs_from=2.0, rate=40.0)),
        (5_000, Throughput(climbs_from=4.0, concurrency=30, latency_s=2.0)),
        (500, Throughput(climbs_from=20.0, rate=10.0)),
    ],
)
def test_a_rate_that_is_found_begins_low_and_climbs_to_what_limits_it(
    requests: float, pace: Throughput
) -> None:
    found, _binds = seconds_of(pace, all_of(requests))
    assert found is not None
    most, _words = pace.binding()
    least = added_up(requests, pace.climbs_from or 0.0, most or math.inf) + (pace.latency_s or 0.0)
    assert found.low == pytest.approx(least, rel=0.01)
    assert found.is_open, "nobody knows what the provider will refuse"


def test_what_binds_most_of_the_time_is_named() -> None:
    few = seconds_of(Throughput(climbs_from=2.0, rate=40.0), all_of(100))[1]
    many = seconds_of(Throughput(climbs_from=2.0, rate=40.0), all_of(10_000))[1]
    assert few == "the rate found by itself: 2/s at first, doubled every 10 s"
    assert many == "the rate of 40/s"


def test_without_a_limit_no_time_is_known() -> None:
    assert seconds_of(Throughput(), all_of(100)) == (None, "")
