"""The rate that is found by itself: switched, shown, put on record, and restored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.states import Binding, RunState
from llmdash.engine.model.view import View
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from tests.engine.auto.providers import Bucket, Habits, Provider, SlidingWindow
from tests.engine.auto.tuned_runs import Event, TunedRun, tuned
from tests.engine.scripted import Server, echo, plan, prompts, started, until
from tests.waiting import PATIENCE_S

SILENT = Habits(says_when=False, names_limit=False)


def switched(at: float) -> list[Event]:
    """A run at a rate that is set, until its rate is found by itself from then on."""

    def switch(on: bool) -> Callable[[TunedRun], None]:
        return lambda run: run.pool.set_auto(on=on)

    return [(0.0, switch(on=False)), (at, switch(on=True))]


@pytest.mark.parametrize(("at", "keys"), [(0.9, 1), (3.5, 4)])
def test_a_run_goes_on_at_the_rate_that_it_has(at: float, keys: int) -> None:
    """However short the time that it has had it."""
    run = tuned(lambda: Provider([]), (at + 4.0) / 60, switched(at), jobs=5_000, rate=100.0, keys=keys)
    assert sum(at <= each < at + 3.0 for each, _ in run.provider.let_through) >= 290


def test_a_rate_that_was_raised_lately_is_gone_on_with() -> None:
    def raised(run: TunedRun) -> None:
        run.parts.limiter.set_rate(100.0)

    run = tuned(lambda: Provider([]), 0.4, [*switched(20.5), (18.5, raised)], jobs=5_000, rate=20.0)
    assert sum(20.5 <= at < 23.5 for at, _ in run.provider.let_through) >= 290


@pytest.mark.parametrize(
    ("at", "provider", "used"),
    [
        (20.5, lambda: Provider([SlidingWindow(500)], SILENT), 0.85),
        (20.5, lambda: Provider([Bucket(40_000, "output", holds_s=30.0)], Habits(says_when=False)), 0.85),
        (45.5, lambda: Provider([SlidingWindow(500)], SILENT), 0.2),  # while the key rests after 429
    ],
)
def test_a_refusal_soon_after_is_judged_by_what_was_used_before_as_well(
    at: float, provider: Callable[[], Provider], used: float
) -> None:
    run = tuned(provider, 3.0, switched(at), jobs=5_000, rate=20.0)
    assert run.provider.used(120.0, 180.0) >= used


def test_a_command_switches_it_and_the_frame_says_so(tmp_path: Path) -> None:
    going = threading.Event()

    def script(key: str, prompt: str, before: int) -> list[Any]:
        return [going, *echo(key, prompt, before)]

    with started(plan(tmp_path, Server(script), prompts(30), stay=True, rate=40.0)) as session:
        assert not until(session, lambda frame: frame.run.in_flight > 0).rate.auto.on
        session.command(commands.SetAuto(on=True))
        auto = until(session, lambda frame: frame.rate.auto.on).rate.auto
        assert auto.rate is not None and auto.rate <= 40.0
        assert (auto.held_at, auto.why) == (None, "start")
        session.command(commands.SetAuto(on=False))
        until(session, lambda frame: not frame.rate.auto.on)
        going.set()
        until(session, lambda frame: frame.run.state is RunState.DONE)


def test_it_is_what_binds_while_it_holds_requests_up(tmp_path: Path) -> None:
    """One key begins at 2 requests a second, far below what the server would take."""
    with started(plan(tmp_path, Server(), prompts(10_000), keys=1, auto=True)) as session:
        frame = until(session, lambda frame: frame.rate.binding is Binding.AUTO)
        assert frame.rate.auto.on and frame.rate.rate is None


def test_it_is_on_record_and_shown_in_a_kept_run_and_in_a_replay(tmp_path: Path) -> None:
    with started(plan(tmp_path, Server(), prompts(4), auto=True)) as session:
        until(session, lambda frame: frame.run.state is RunState.DONE)
    moments = [moment.value for moment in JournalReader(tmp_path).moments() if moment.kind == "auto"]
    assert moments == ["on"]
    replay = ReplaySession(tmp_path, lambda: 0.0)
    assert replay.loaded(PATIENCE_S)
    assert replay.frame(View()).rate.auto.on


def test_switching_it_is_a_fact_that_a_kept_run_shows(tmp_path: Path) -> None:
    with started(plan(tmp_path, Server(), prompts(4), stay=True)) as session:
        session.command(commands.SetAuto(on=True))
        until(session, lambda frame: frame.rate.auto.on and frame.run.state is RunState.DONE)
    assert JournalReader(tmp_path).facts()["auto"] == 1
    kept = KeptSession(tmp_path)
    assert kept.loaded(PATIENCE_S)
    assert kept.frame(View()).rate.auto.on
