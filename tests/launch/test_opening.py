"""Opening and replaying a kept run: neither keys nor settings nor the input are needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmdash.cli import main
from llmdash.config import Settings
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.model.commands import Seek
from llmdash.engine.model.view import View
from llmdash.launch.kept_sessions import kept_session, replay_session
from llmdash.launch.opening import open_run, replay_run
from llmdash.remote.addresses import NotRunningError
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.replay.session import ReplaySession
from tests.engine.scripted import Server, plan, prompts, run
from tests.waiting import PATIENCE_S


def test_a_session_over_a_kept_run_has_its_results(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5)))
    session = kept_session(tmp_path)
    assert session.loaded(PATIENCE_S)
    frame = session.frame(View(inspect=2))
    assert frame.run.done == 5
    assert frame.inspection is not None
    assert "not kept" in frame.inspection.messages[0][1]


@pytest.mark.parametrize("show", [kept_session, replay_session])
def test_a_run_on_the_simulator_cost_nothing_whatever_its_model_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show: Callable[[Path], KeptSession | ReplaySession]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("llmdash.toml").write_text('[prices."scripted"]\ninput = 2.0\noutput = 8.0\n')
    notes = {"models": json.dumps(dict.fromkeys(("k0", "k1", "k2"), "scripted"))}
    for simulator, costs in ((None, True), ('{"seed": 1}', False)):
        folder = tmp_path / str(costs)
        folder.mkdir()
        run(plan(folder, Server(), prompts(5), notes={**notes, "simulator": simulator}))
        session = show(folder)
        assert session.loaded(PATIENCE_S)
        session.command(Seek(1e9))
        assert (session.frame(View()).run.cost is not None) is costs


def test_a_run_that_is_at_work_is_attached_to_instead(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5)))
    lock = RunLock(tmp_path)
    try:
        with pytest.raises(NotRunningError):  # its engine does not listen here
            open_run(tmp_path, Settings())
    finally:
        lock.release()


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    for show in (open_run, lambda folder, settings: replay_run(folder, settings, 1.0)):
        with pytest.raises(JournalError, match="no journal here"):
            show(tmp_path, Settings())


@pytest.mark.parametrize("command", [["open"], ["replay", "--speed", "60"]])
def test_without_a_terminal_a_script_is_told_what_there_is_for_it(command: list[str]) -> None:
    result = CliRunner().invoke(main, ["runs", *command, "last"])
    assert result.exit_code == 2
    assert "llmdash runs show" in result.output


@pytest.mark.parametrize("speed", ["0", "2000", "fast"])
def test_a_speed_out_of_bounds_is_refused(speed: str) -> None:
    result = CliRunner().invoke(main, ["runs", "replay", "last", "--speed", speed])
    assert result.exit_code == 2
