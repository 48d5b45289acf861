"""What the row of a key says beside its counters: its median time, its cost and its last four minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.engine.model.view import View
from llmdash.engine.pool.key_rows import key_row
from llmdash.llms.messages import Usage
from tests.engine.pools import Clock, choose, pool_of
from tests.engine.priced_runs import CENT, bounded
from tests.engine.scripted import Server, run, whole


def test_each_key_has_its_median_time_and_its_cost_and_together_they_are_those_of_the_run(
    tmp_path: Path,
) -> None:
    server = Server(lambda _key, _prompt, _before: [0.01, *whole("x", Usage(3, 50))])
    frame = run(bounded(tmp_path, server)).frame(View())
    assert frame.run.cost is not None
    assert len(frame.keys) > 1
    assert sum(key.cost or 0.0 for key in frame.keys) == pytest.approx(frame.run.cost)
    assert all(key.cost == pytest.approx(key.ok * CENT / 2) for key in frame.keys)
    assert all(key.p50_s is not None and key.p50_s >= 0.01 for key in frame.keys)


def test_a_spark_line_has_the_calls_of_the_last_four_minutes_in_spans_that_are_over() -> None:
    clock = Clock()
    clock.time = 0.0
    pool = pool_of(1, clock)
    (member,) = pool.members
    for second, calls in ((1, 3), (7, 2), (9, 1)):
        clock.time = float(second)
        for _call in range(calls):
            choose(pool)
    assert key_row(member, 9.9).spark[-2:] == (0, 3)
    assert key_row(member, 10.0).spark[-2:] == (3, 3)
    assert key_row(member, 240.0).spark[:2] == (3, 3)
    assert (len(key_row(member, 246.0).spark), sum(key_row(member, 246.0).spark)) == (48, 3)
