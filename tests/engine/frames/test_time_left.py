"""The time that is left: by the set rate where that binds, else by the pace of the last minute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.frames.time_left import RateInForce, seconds_left
from llmdash.engine.model.frame import Percentiles, RunPart
from tests.engine.scripted import Server, plan, prompts, started, until

RUN = RunPart(jobs=100, queued=59, in_flight=1, done=40, attempts=41, latency=Percentiles(p50=2.0, p95=3.0))
AN_HOUR = 50 / 3600.0


def middle(run: RunPart, pace: float, set_rate: RateInForce | None) -> float | None:
    found = seconds_left(run, pace, set_rate)
    assert found is None or found[0] <= found[1] <= found[2]
    return None if found is None else round(found[1], 3)


@pytest.mark.parametrize("pace", [0.0, 1.0, 1 / 60])
def test_a_rate_that_binds_decides_whatever_ended_in_the_last_minute(pace: float) -> None:
    assert middle(RUN, pace, RateInForce(AN_HOUR, binds=True, next_in_s=30.0)) == 30.0 + 58 * 72.0 + 2.0


def test_retries_take_requests_too() -> None:
    retried = replace(RUN, attempts=61)
    assert middle(retried, 0.0, RateInForce(0.5, binds=True)) == (59 * 1.5 - 1) * 2.0 + 2.0


def test_where_something_else_binds_the_pace_decides_and_the_rate_bounds_it() -> None:
    assert middle(RUN, 0.5, RateInForce(10.0, binds=False)) == 120.0
    assert middle(RUN, 30.0, RateInForce(10.0, binds=False)) == 5.8 + 2.0
    assert middle(RUN, 0.5, None) == 120.0
    assert middle(RUN, 0.0, RateInForce(10.0, binds=False)) is None


def test_nothing_left_takes_no_time() -> None:
    assert seconds_left(RunPart(jobs=3, done=3), 1.0, RateInForce(1.0, binds=True)) is None


def test_a_run_at_a_low_rate_says_at_once_when_it_will_end(tmp_path: Path) -> None:
    """Its second request is due in half of 72 s: a bucket has room for one and a half."""
    with started(plan(tmp_path, Server(), prompts(10), rate=AN_HOUR)) as session:
        found = until(session, lambda frame: frame.run.done == 1 and bool(frame.run.waiting)).run.ends_in_s
    assert found is not None
    assert 8 * 72.0 < found[1] <= 8.5 * 72.0 + 1.0
