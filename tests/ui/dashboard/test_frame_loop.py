"""The frame loop: frames as often as somebody can use them, on a clock that the tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.ui.dashboard.frame_loop import ALIKE, REST_S, SELDOM, WAKE_S, WINDOW_S, FrameLoop
from llmdash.ui.dashboard.pace import Clocks


@dataclass
class ManualTimer:
    """A timer of ManualTime: due at `due`, then again after `interval` if it has one."""

    time: ManualTime
    callback: Callable[[], object]
    due: float
    interval: float | None = None
    is_paused: bool = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused and self.interval is not None:
            self.due = self.time.now + self.interval
        self.is_paused = False


@dataclass
class ManualTime:
    """Sets timers that go off while `run` lets time pass, each at its time and in order."""

    now: float = 1_000.0
    timers: list[ManualTimer] = field(default_factory=list)

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.now, lambda: 0.0, lambda: 0.0)

    def set_interval(
        self, interval: float, callback: Callable[[], object], *, pause: bool = False
    ) -> ManualTimer:
        timer = ManualTimer(self, callback, self.now + interval, interval, pause)
        self.timers.append(timer)
        return timer

    def set_timer(self, delay: float, callback: Callable[[], object]) -> ManualTimer:
        timer = ManualTimer(self, callback, self.now + delay)
        self.timers.append(timer)
        return timer

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := [timer for timer in self.timers if not timer.is_paused and timer.due <= end]:
            first = min(ready, key=lambda timer: timer.due)
            self.now = max(self.now, first.due)
            if first.interval is None:
                self.timers.remove(first)
            else:
                first.due += first.interval
            first.callback()
        self.now = end


@dataclass
class Watched:
    """A frame loop over a run that moves or not, on a terminal that keeps up or not; `drawn` has when."""

    fps: int = 10
    moves: bool = True
    is_behind: bool = False
    time: ManualTime = field(default_factory=ManualTime)
    differs: bool = True
    tells: bool = False
    told: list[Callable[[], None]] = field(default_factory=list)
    """Who is to be told of a change."""
    drawn: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = FrameLoop(
            self.time,
            lambda: self.drawn.append(self.time.now),
            self._look,
            fps=self.fps,
            moves=lambda: self.moves,
            is_behind=lambda: self.is_behind,
            tell_once=self._tell_once,
            clocks=self.time.clocks,
        )

    def _look(self) -> bool:
        self.drawn.append(self.time.now)
        return self.differs

    def _tell_once(self, call: Callable[[], None]) -> Callable[[], None] | None:
        if not self.tells:
            return None
        self.told.append(call)
        return lambda: self.told.remove(call)

    def frames_in(self, seconds: float) -> int:
        before = len(self.drawn)
        self.time.run(seconds)
        return len(self.drawn) - before


@pytest.mark.parametrize(("fps", "frames"), [(1, 5), (5, 5), (15, 15), (30, 30), (1000, 30)])
def test_a_run_that_moves_is_drawn_at_the_frame_rate_of_5_to_30_a_second(fps: int, frames: int) -> None:
    watched = Watched(fps)
    assert abs(watched.frames_in(20.0) - 20 * frames) <= 1
    assert watched.loop.is_awake


def test_a_run_at_rest_is_drawn_once_a_second_from_a_moment_after_its_last_move() -> None:
    watched = Watched()
    watched.time.run(5.0)
    watched.moves = False
    assert watched.frames_in(WAKE_S) == pytest.approx(10 * WAKE_S, abs=1)
    watched.time.run(1.0)
    assert not watched.loop.is_awake
    assert watched.frames_in(60 * REST_S) == 60


def test_a_run_that_moves_again_is_drawn_at_full_pace_within_a_second() -> None:
    watched = Watched(moves=False)
    watched.time.run(10.0)
    watched.moves = True
    watched.time.run(REST_S)
    assert watched.loop.is_awake
    assert watched.frames_in(10.0) == pytest.approx(100, abs=1)


def test_what_somebody_tells_of_is_drawn_at_once_and_at_full_pace_if_it_moves() -> None:
    watched = Watched(moves=False, tells=True)
    watched.time.run(10.0)
    (tell,) = watched.told
    before = len(watched.drawn)
    tell()
    assert len(watched.drawn) == before + 1, "a look, and nothing moves"
    assert len(watched.told) == 1, "told again of what comes next"
    watched.moves = True
    watched.told[0]()
    assert watched.loop.is_awake and not watched.told, "who looks often need not be told"
    assert watched.frames_in(10.0) == pytest.approx(100, abs=1)


@pytest.mark.parametrize(
    ("tells", "differs", "every"), [(True, False, SELDOM), (True, True, 1), (False, False, 1)]
)
def test_what_stays_the_same_is_looked_at_seldom_where_somebody_tells_of_changes(
    every: int, *, tells: bool, differs: bool
) -> None:
    watched = Watched(moves=False, tells=tells, differs=differs)
    watched.time.run(WAKE_S + (ALIKE + 2) * REST_S)
    assert watched.frames_in(60 * REST_S) == pytest.approx(60 / every, abs=1)


def test_what_the_user_does_wakes_it_for_a_moment() -> None:
    watched = Watched(moves=False)
    watched.time.run(10.0)
    watched.loop.wake()
    assert watched.frames_in(WAKE_S) == pytest.approx(10 * WAKE_S, abs=1)
    watched.time.run(1.0)
    assert not watched.loop.is_awake


def test_a_user_who_goes_on_keeps_it_awake() -> None:
    watched = Watched(moves=False)
    for _ in range(20):
        watched.loop.wake()
        watched.time.run(WAKE_S / 2)
        assert watched.loop.is_awake


def test_nothing_is_drawn_while_the_terminal_is_behind() -> None:
    watched = Watched()
    watched.is_behind = True
    assert watched.frames_in(10.0) == 0
    watched.is_behind = False
    assert watched.frames_in(1.0) == pytest.approx(10, abs=1)


def test_rows_that_come_into_sight_are_drawn_at_once() -> None:
    watched = Watched()
    watched.loop.glance()
    assert watched.drawn == [watched.time.now]


@given(st.lists(st.floats(0.0, 3 * WINDOW_S), max_size=40))
def test_glances_are_drawn_soon_and_never_in_a_rush(gaps: list[float]) -> None:
    watched = Watched(is_behind=True)  # so that nothing else is drawn
    for gap in gaps:
        watched.time.run(gap)
        watched.loop.glance()
    last = watched.time.now
    watched.time.run(WINDOW_S * 1.01)
    assert not gaps or any(last - 1e-9 <= at <= last + WINDOW_S * 1.01 for at in watched.drawn)
    assert all(later - earlier >= WINDOW_S - 1e-9 for earlier, later in pairwise(watched.drawn))
