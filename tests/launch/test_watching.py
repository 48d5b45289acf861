"""What becomes of a run whose dashboard was closed."""

from __future__ import annotations

import os
import pty
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model.commands import Command
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.dashboard import Closed
from llmdash.launch.engine_line import RunEnded, RunReady
from llmdash.launch.watching import conclude
from llmdash.signals import Signals
from tests.ui.fake_session import FakeSession

READY = RunReady(1, Path("kept"), None, paid=False)


@dataclass
class Engine:
    """An engine that ends when it is asked to."""

    released: bool = False
    commands: list[Command] = field(default_factory=list)

    def release(self) -> None:
        self.released = True

    def ended(self) -> RunEnded:
        return RunEnded(0, None)

    def exported(self) -> None:
        return


@pytest.mark.parametrize("gone", [True, False])
def test_a_dashboard_that_breaks_on_a_terminal_that_is_gone_leaves_the_run_running(
    gone: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = pty.openpty()
    engine: Any = Engine()
    session: Any = FakeSession()
    session.alive = False
    session.join = session.start = lambda *_: True
    with os.fdopen(theirs, closefd=True) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        if gone:
            os.close(ours)
        broken = Closed(ExitCode.INTERNAL, None, leaves_running=False, reads=True)
        with Signals() as signals:
            code = conclude(engine, READY, session, broken, signals)
    if not gone:
        os.close(ours)
    assert engine.released == gone
    assert code == (of_signal(signal.SIGHUP) if gone else ExitCode.INTERNAL)
