"""A run in a process of its own that has ended waits for whoever is to see that."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmdash.launch.engine_life import EngineLife, ServedSession
from tests.engine.scripted import Server, plan, prompts
from tests.waiting import PATIENCE_S, wait_for


@dataclass
class Watchers:
    """Nobody, and for long."""

    was_watched: bool
    unwatched_s: float = 3_600.0


class NoSignals:
    received = ()

    def tell(self, listener: object) -> None:
        """Tell nobody."""


@pytest.mark.parametrize("was_watched", [False, True])
def test_a_run_that_has_ended_waits_for_its_first_watcher_alone(tmp_path: Path, was_watched: bool) -> None:
    session = ServedSession(plan(tmp_path, Server(), prompts(3), stay=True))
    asked: list[bool] = []
    is_to_come = threading.Event()
    is_to_come.set()

    def awaits() -> bool:
        asked.append(session.glance().run.state.ended)
        return is_to_come.is_set()

    signals: Any = NoSignals()
    life = EngineLife(session, paid=False, awaits=awaits)
    thread = threading.Thread(target=life.live, args=(signals, Watchers(was_watched)))
    thread.start()
    if not was_watched:
        wait_for(lambda: asked.count(True) > 2)
        assert session.alive
        is_to_come.clear()
    thread.join(PATIENCE_S)
    assert not session.alive
