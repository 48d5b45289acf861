"""The rate that is found by itself: switched, shown, put on record, and restored."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model import commands
from llmdash.engine.model.states import Binding, RunState
from llmdash.engine.model.view import View
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from tests.engine.scripted import Server, echo, plan, prompts, started, until
from tests.waiting import PATIENCE_S


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
