"""A dashboard on a run that goes on in another process."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

from llmdash.config import Settings
from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.exit_codes import ExitCode
from llmdash.launch.dashboard import Closed, open_dashboard
from llmdash.launch.followed import FollowedSession
from llmdash.launch.results import facts_of, results_file, run_exit_code
from llmdash.launch.resuming import practice_settings
from llmdash.launch.shutdown import last_frame, stop, write_last_words, write_left_running, write_nowhere
from llmdash.launch.watching import report_lost
from llmdash.remote.addresses import NotRunningError, reach
from llmdash.remote.client import RemoteSession
from llmdash.reports.alerts import held_up_text
from llmdash.reports.errors import error_kinds
from llmdash.runs.catalogue import run_folders
from llmdash.sanitize import clean_line
from llmdash.signals import Signals

__all__ = ["conclude_attached", "running_folder", "show_running"]


def running_folder() -> Path:
    """Return the folder of the newest run that goes on. Raises NotRunningError if there is none."""
    for folder in run_folders():
        with suppress(NotRunningError):
            reached, _ = reach(folder)
            reached.close()
            return folder
    raise NotRunningError(
        "no run goes on; begin one with: llmdash run FILE, or resume one: llmdash run --resume"
    )


def show_running(folder: Path, *, read_only: bool, in_browser: bool = False) -> int:
    """Show the run in `folder` until that is left or has ended. Return the exit code.

    It is 0 where the run is left, that of the run where it ended while it was watched. Raises NotRunningError
    if the run does not go on.
    """
    folder = folder.absolute()  # now: the working folder may be deleted meanwhile
    session = RemoteSession.attach(folder, read_only=read_only)
    followed = FollowedSession(session, folder)
    with Signals() as signals:
        try:
            closed = open_dashboard(
                followed,
                Settings(),
                signals,
                goes_on_without=not read_only,
                gone=followed.is_lost,
                in_browser=in_browser,
            )
            return conclude_attached(session, closed, signals, read_only=read_only)
        finally:
            session.close()


def conclude_attached(
    session: RemoteSession, closed: Closed, signals: Signals, *, read_only: bool = False
) -> int:
    """Leave a run to itself, or stop it, as the dashboard on it was closed. Return the exit code."""
    if closed.by is not None or closed.leaves_running or closed.faulty:
        return _leave(session.folder, closed)
    if not closed.reads:
        write_nowhere()
    return _look_back(session, signals, read_only=read_only)


def _leave(folder: Path, closed: Closed) -> int:
    if closed.by != signal.SIGHUP:
        write_left_running(folder)
    return ExitCode.DONE if closed.by == signal.SIGINT else closed.code


def _look_back(session: RemoteSession, signals: Signals, *, read_only: bool) -> int:
    """Stop the run if it is not over, and say how it ended. Return its exit code."""
    frame = last_frame(session)
    over = not session.alive or frame is None or frame.run.state.ended
    if not over and read_only:
        return ExitCode.DONE
    if not over:
        stop(session, signals, left_by=None, paid=practice_settings(facts_of(session.folder)) is None)
        session.join()
        frame = last_frame(session)
    if session.alive:
        _write_end(session, frame)
        return run_exit_code(session, None if frame is None else frame.run)
    if session.exit_code is None:
        return report_lost(session.folder)
    if session.crash is not None:
        for line in str(session.crash).splitlines():
            sys.stderr.write(f"{clean_line(line)}\n")
        frame = None
    _write_end(session, frame)
    return session.exit_code


def _write_end(session: RemoteSession, frame: Frame | None) -> None:
    """Say of the run what who began it is told at its end."""
    folder = session.folder
    last = EMPTY_FRAME if frame is None else frame
    errors = error_kinds(last.errors, folder)
    run = None if frame is None else frame.run
    write_last_words(run, folder, results_file(folder), errors, held_up_text(last))
