"""What ends an app from outside: signals, a closed terminal, a session that is gone or broken."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

import pytest

from llmdash.signals import Signals
from llmdash.ui.outside import Outside


@dataclass
class World:
    """What an app lives in; `ends` has how it was ended: by a signal's number, or by `done`."""

    signals: Signals | None = None
    is_closed: bool = False
    is_gone: bool = False
    fault: BaseException | None = None
    ends: list[int | str] = field(default_factory=list)

    def outside(self) -> Outside:
        return Outside(
            self.ends.append,
            lambda: self.ends.append("done"),
            signals=self.signals,
            closed=lambda: self.is_closed,
            fault=lambda: self.fault,
            gone=lambda: self.is_gone,
        )


async def test_signals_that_came_before_the_app_ran_end_it_in_their_order() -> None:
    signals = Signals()
    signals.received += [signal.SIGTERM, signal.SIGHUP]
    world = World(signals)
    world.outside().obey_signals()
    assert world.ends == [signal.SIGTERM, signal.SIGHUP]


async def test_without_signals_of_its_own_it_obeys_none() -> None:
    world = World()
    world.outside().obey_signals()
    assert world.ends == []


def test_nothing_ends_while_all_is_there() -> None:
    world = World()
    world.outside().look()
    assert world.ends == []


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_closed_terminal_is_a_hangup_whatever_became_of_the_session(is_gone: bool) -> None:
    world = World(is_closed=True, is_gone=is_gone)
    world.outside().look()
    assert world.ends == [signal.SIGHUP]


def test_a_session_that_is_gone_ends_it_without_a_signal() -> None:
    world = World(is_gone=True)
    world.outside().look()
    assert world.ends == ["done"]


def test_a_fault_of_the_engine_is_raised_before_anything_else_is_looked_at() -> None:
    world = World(is_closed=True, is_gone=True, fault=ZeroDivisionError("in the engine"))
    with pytest.raises(ZeroDivisionError, match="in the engine"):
        world.outside().look()
    assert world.ends == []
