"""Opens the dashboard on a kept run, or on one that goes on."""

from __future__ import annotations

from pathlib import Path

from llmdash.config import Settings
from llmdash.engine.journal.lock import holder_of
from llmdash.launch.attaching import show_running
from llmdash.launch.dashboard import open_dashboard
from llmdash.launch.kept_sessions import kept_session, replay_session
from llmdash.launch.shutdown import OwnSession
from llmdash.signals import Signals

__all__ = ["open_run", "replay_run", "show_in_browser"]


def open_run(folder: Path, settings: Settings) -> int:
    """Show the run in `folder` as it was at its end, or as it is while it goes on. Return the exit code.

    Raises JournalError if it cannot be shown, NotRunningError if its engine does not answer.
    """
    if holder_of(folder) is not None:
        return show_running(folder, read_only=False)
    return _show(kept_session(folder), settings)


def replay_run(folder: Path, settings: Settings, speed: float) -> int:
    """Play the run in `folder` on the dashboard. Return the exit code. Raises JournalError."""
    return _show(replay_session(folder, speed), settings)


def show_in_browser(folder: Path, *, read_only: bool) -> int:
    """Show the run in `folder`, kept or going on, on a terminal in a browser. Return the exit code.

    Raises as `open_run` does.
    """
    if holder_of(folder) is not None:
        return show_running(folder, read_only=read_only, in_browser=True)
    return _show(kept_session(folder), Settings(), in_browser=True)


def _show(session: OwnSession, settings: Settings, *, in_browser: bool = False) -> int:
    """Open the dashboard on a session that sends nothing. Return the exit code."""
    with Signals() as signals:
        return open_dashboard(session, settings, signals, in_browser=in_browser).code
