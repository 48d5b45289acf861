"""The pace of pictures: full while it costs little or nobody is busy, slower beside a busy engine."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llmdash.ui.dashboard.pace import BUSY_SHARE, SHARE, SLOWEST_S, Clocks, Pace

TICK_S = 1 / 15


@dataclass
class Process:
    """Time by formula: a picture costs `cost_s`, the other threads take `others` of a core."""

    cost_s: float
    others: float
    wall: float = 0.0
    own: float = 0.0
    every: float = 0.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.own, lambda: self.every)

    def pictures(self, pace: Pace, ticks: int) -> int:
        drawn = 0
        for _tick in range(ticks):
            self.wall += TICK_S
            self.every += TICK_S * self.others
            if pace.is_due():
                drawn += 1
                self.own += self.cost_s
                self.every += self.cost_s
        return drawn


@pytest.mark.parametrize(("cost_s", "others"), [(0.002, 0.95), (0.010, 0.1), (0.0, 0.0)])
def test_every_tick_is_drawn_while_it_costs_little_or_nobody_is_busy(cost_s: float, others: float) -> None:
    process = Process(cost_s, others)
    assert process.pictures(Pace(TICK_S, process.clocks), 150) == 150


@pytest.mark.parametrize(("cost_s", "others", "share"), [(0.007, 0.9, BUSY_SHARE), (0.04, 0.1, SHARE)])
def test_drawing_keeps_to_its_share(cost_s: float, others: float, share: float) -> None:
    process = Process(cost_s, others)
    pace = Pace(TICK_S, process.clocks)
    process.pictures(pace, 150)
    before = process.own
    process.pictures(pace, 1500)
    assert (process.own - before) / (1500 * TICK_S) < share * 1.4


def test_there_are_a_few_pictures_a_second_whatever_they_cost() -> None:
    process = Process(10.0, 1.0)
    pace = Pace(TICK_S, process.clocks)
    process.pictures(pace, 150)
    assert pace.wanted_s == SLOWEST_S
    assert process.pictures(pace, 150) >= 40


def test_the_pace_picks_up_when_the_engine_rests() -> None:
    process = Process(0.007, 0.95)
    pace = Pace(TICK_S, process.clocks)
    assert process.pictures(pace, 150) < 120
    process.others = 0.1
    process.pictures(pace, 15)
    assert process.pictures(pace, 150) == 150
