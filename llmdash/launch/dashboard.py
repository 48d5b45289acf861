"""Opens the dashboard over a session of any kind, and ends the session when it is closed."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmdash import locations
from llmdash.config import Settings
from llmdash.engine.model.frame import RunPart
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.plan_builder import PreparedRun
from llmdash.launch.results import export, run_exit_code
from llmdash.launch.shutdown import OwnSession, end_session, write_last_words
from llmdash.launch.start import SettingsLauncher
from llmdash.signals import Signals, Unresponsive
from llmdash.ui.settings.preferences import PreferencesFile

if TYPE_CHECKING:
    from llmdash.ui.app import LlmdashApp

__all__ = ["Left", "open_dashboard", "show_run", "show_start"]

_LEAVES_WITHIN_S = 1.0
"""Seconds that a dashboard has to obey a signal."""


@dataclass(frozen=True, slots=True)
class Left:
    """How the dashboard was closed: its exit code, 0 for `q`, and the last figures of the session, if any."""

    code: int
    run: RunPart | None


def open_dashboard(
    session: OwnSession | None,
    settings: Settings,
    signals: Signals,
    *,
    launcher: SettingsLauncher | None = None,
    paid: bool = True,
    outlives_terminal: bool = True,
) -> Left:
    """Show `session`, or the start screen of `launcher` then the run it starts. End the session afterwards.

    A signal closes the dashboard: SIGINT and SIGTERM let requests in flight finish, and a second one does
    not; SIGQUIT does not either; after SIGHUP, or when the terminal was closed, a session that
    `outlives_terminal` continues without a screen. Requests that are `paid` are always waited for.
    """
    from llmdash.ui.app import LlmdashApp

    def shown() -> OwnSession | None:
        return session if launcher is None else launcher.session

    app = LlmdashApp(
        session=session,
        launcher=launcher,
        shipped_themes=locations.themes_dir(),
        user_themes=locations.user_themes_dir(),
        preferences_path=locations.preferences_file(),
        fps=settings.fps,
        redact=settings.redactor.redact,
        on_ready=session.start if session is not None else None,
        signals=signals,
        fault=lambda: None if (begun := shown()) is None else begun.crash,
    )
    left_by = _run_app(app, signals)
    run = None
    if (begun := shown()) is not None:
        run = end_session(
            begun,
            signals,
            left_by=left_by,
            reads=app.terminal_reads,
            paid=paid if launcher is None else launcher.run is not None and launcher.run.simulator is None,
            outlives_terminal=outlives_terminal,
            redact=settings.redactor.redact,
            fault_shown=app.return_code == ExitCode.INTERNAL,
        )
    return Left(app.return_code or (0 if left_by is None else of_signal(left_by)), run)


def _run_app(app: LlmdashApp, signals: Signals) -> int | None:
    """Run the app to its end; one that does not obey a signal is interrupted. Return the signal, if any."""
    streams = sys.stdout, sys.stderr
    try:
        with signals.interrupting(_LEAVES_WITHIN_S):
            app.run()
    except Unresponsive:
        sys.stdout, sys.stderr = streams
        app.abandon_terminal()
        return signals.received[0]
    return app.signal_received


def show_run(prepared: PreparedRun, settings: Settings, out: Path | None = None) -> int:
    """Open the dashboard on a run, then write the results to `out`. Return the exit code.

    Raises LockedError or JournalError before the screen is touched, ExportError after the run if `out` cannot
    be written.
    """
    session = LocalSession(prepared.plan)
    with Signals() as signals:
        left = open_dashboard(session, settings, signals, paid=prepared.simulator is None)
        signals.tell(_give_up)
        return _conclude(session, left, out)


def show_start(settings: Settings) -> int:
    """Open the start screen, then the dashboard on the run it starts. Return the exit code."""
    launcher = SettingsLauncher(settings, PreferencesFile(locations.preferences_file()))
    try:
        with Signals() as signals:
            left = open_dashboard(None, settings, signals, launcher=launcher)
            return left.code if launcher.session is None else _conclude(launcher.session, left, None)
    finally:
        if launcher.run is not None and launcher.run.simulator is not None:
            launcher.run.simulator.close()


def _give_up(number: int) -> None:
    """End the writing of results, which may wait for the reader of a FIFO; a closed terminal does not."""
    if number != signal.SIGHUP:
        raise KeyboardInterrupt


def _conclude(session: LocalSession, left: Left, out: Path | None) -> int:
    write_last_words(left.run, session.folder, out)
    if out is not None:
        export(session.folder, out)
    return left.code or run_exit_code(session, left.run)
