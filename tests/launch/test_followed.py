"""A run of another process that ends while it is read is read on, from what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.commands import Command, Pause
from llmdash.engine.model.frame import Frame, Notice, RunPart
from llmdash.engine.model.states import RunState, Severity
from llmdash.engine.model.view import JobsView, View
from llmdash.launch.followed import FollowedSession
from llmdash.launch.results_here import results_here
from llmdash.runs.kept_session import KeptSession
from tests.engine.scripted import Server, plan, prompts, run
from tests.waiting import PATIENCE_S


class Engine:
    """An engine elsewhere that has sent two notices; it ends when `alive` is set to False."""

    def __init__(self) -> None:
        self.alive = True
        self.crash: BaseException | None = None
        self.commands: list[Command] = []

    def frame(self, view: View) -> Frame:
        notices = tuple(Notice(serial, Severity.WARNING, f"notice {serial}") for serial in (1, 2))
        shown = tuple(notice for notice in notices if notice.serial > view.notices_after)
        return Frame(run=RunPart(name="elsewhere", state=RunState.RUNNING, jobs=5), notices=shown)

    def command(self, command: Command) -> None:
        self.commands.append(command)

    def start(self) -> None:
        """Nothing is to be started."""

    def join(self, timeout_s: float | None = None) -> bool:
        return not self.alive


def ended(folder: Path, opened: Callable[[Path], KeptSession] = KeptSession) -> FollowedSession:
    """A session over a run of five jobs whose engine has been watched, and has ended."""
    run(plan(folder, Server(), prompts(5)))
    engine = Engine()
    session = FollowedSession(engine, folder, opened)
    assert session.frame(View()).run.name == "elsewhere"
    session.command(Pause())
    assert engine.commands == [Pause()]
    assert (session.alive, session.join(), session.is_lost()) == (True, False, False)
    engine.alive = False
    return session


def test_while_the_journal_is_read_the_last_frame_stays_and_then_all_jobs_are_there(tmp_path: Path) -> None:
    opened: list[KeptSession] = []

    def kept(folder: Path) -> KeptSession:
        opened.append(KeptSession(folder))
        return opened[-1]

    session = ended(tmp_path, kept)
    session.start()
    session.frame(View())
    assert opened[0].loaded(PATIENCE_S)
    frame = session.frame(View(jobs=JobsView(first=3, height=2)))
    assert (frame.run.state, frame.run.done, len(frame.jobs.rows)) == (RunState.DONE, 5, 2)
    assert (session.join(), session.is_lost(), len(opened)) == (True, False, 1)


def test_what_is_said_of_the_kept_run_comes_after_what_the_engine_has_said(tmp_path: Path) -> None:
    session = ended(tmp_path)
    while session.frame(View()).run.state is not RunState.DONE:
        pass
    assert session.frame(View(notices_after=2)).notices == ()
    session.command(Pause())
    [said] = session.frame(View(notices_after=2)).notices
    assert (said.serial, "not at work" in said.text) == (3, True)
    assert session.frame(View(notices_after=3)).notices == ()


def test_where_the_folder_is_gone_the_last_frame_stays(tmp_path: Path) -> None:
    tried: list[Path] = []

    def lost(folder: Path) -> KeptSession:
        tried.append(folder)
        raise JournalError("gone")

    session = ended(tmp_path, lost)
    assert [session.frame(View()).run.name for _ in range(3)] == ["elsewhere"] * 3
    assert tried == [tmp_path]


def test_the_results_of_a_run_that_is_watched_can_be_written_while_it_runs_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "run-1", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    run(plan(folder, Server(), prompts(3)))
    engine = Engine()
    session = FollowedSession(engine, folder)
    assert results_here(session) == "run-1.jsonl"
    engine.alive = False
    assert results_here(session) == "run-1-2.jsonl"


@pytest.mark.parametrize(("crash", "lost"), [(None, False), (RuntimeError("killed"), True)])
def test_an_engine_that_was_killed_is_lost(tmp_path: Path, crash: BaseException | None, lost: bool) -> None:
    engine = Engine()
    session = FollowedSession(engine, tmp_path)
    engine.crash = crash
    assert not session.is_lost()
    engine.alive = False
    assert session.is_lost() is lost
    assert session.crash is crash
