"""A run in this process is watched for its end, and the command of the settings is run then."""

from __future__ import annotations

import json
from pathlib import Path

from llmdash.config import Settings
from llmdash.config.telling import TellingSettings
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import RunState
from llmdash.launch.told import EndWatch, watched_ends
from llmdash.reports.occasions import Occasion
from tests.reports.fakes import at


class Run:
    """A session that is as it is put."""

    def __init__(self) -> None:
        self.shown = at(10)
        self.problems: list[str] = []

    def glance(self) -> Frame:
        return self.shown


def test_an_end_is_told_once_at_the_latest_when_the_watch_ends() -> None:
    run, told = Run(), list[Occasion]()
    with EndWatch(run, lambda occasion, _frame: told.append(occasion), every_s=1000.0) as watch:
        watch.look()
        run.shown = at(100, state=RunState.DONE)
    assert told == [Occasion.DONE]


def test_the_command_gets_the_summary_and_why(tmp_path: Path) -> None:
    run = Run()
    settings = Settings(telling=TellingSettings(on_end=f"cat > '{tmp_path}/got'"))
    with watched_ends(run, settings, tmp_path, None, run.problems.append) as watch:
        watch.look()
        run.shown = at(100, state=RunState.DONE)
    said = json.loads((tmp_path / "got").read_text())
    assert (said["type"], said["done"], said["why"]) == ("summary", 100, "done")
    assert run.problems == []


def test_a_command_that_fails_is_a_notice(tmp_path: Path) -> None:
    run = Run()
    settings = Settings(telling=TellingSettings(on_end="exit 7"))
    with watched_ends(run, settings, tmp_path, None, run.problems.append):
        run.shown = at(100, state=RunState.DONE)
    assert len(run.problems) == 1
    assert "status 7" in run.problems[0]
