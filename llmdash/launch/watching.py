"""The dashboard as a viewer of an engine in another process: of a run just begun, or one that goes on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from llmdash.config import Settings
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.dashboard import Closed, load_dashboard, open_dashboard
from llmdash.launch.engine_line import RunReady
from llmdash.launch.engine_process import EngineProcess
from llmdash.launch.followed import FollowedSession
from llmdash.launch.run_order import RunOrder
from llmdash.launch.shutdown import OwnSession, stop, write_last_words, write_left_running, write_nowhere
from llmdash.remote.client import RemoteSession
from llmdash.signals import Signals, terminal_is_gone

__all__ = ["attached", "conclude", "report_lost", "show_run"]

View = Callable[[Path], RemoteSession]


def attached(folder: Path) -> RemoteSession:
    """Return the session of the run in `folder`."""
    return RemoteSession.attach(folder)


def show_run(engine: EngineProcess, order: RunOrder, settings: Settings, view: View = attached) -> int:
    """Have the engine run what is ordered, and show that. Return the exit code.

    The results are in their file at the end, unless the run is left to go on. Raises RefusedError before the
    screen is touched, ExportError after the run if its results cannot be written.
    """
    engine.submit(order, settings)
    load_dashboard()  # meanwhile
    ready = engine.ready()
    if not order.resume and settings.kept.most_bytes is not None:
        from llmdash.launch.kept import report_room

        report_room(settings.kept)
    with Signals() as signals:
        session = view(ready.folder)
        followed = FollowedSession(session, ready.folder)
        try:
            closed = open_dashboard(followed, settings, signals, goes_on_without=True, gone=followed.is_lost)
            return conclude(engine, ready, session, closed, signals)
        finally:
            session.close()


def conclude(
    engine: EngineProcess, ready: RunReady, session: OwnSession, closed: Closed, signals: Signals
) -> int:
    """End the run, or leave it to itself, as the dashboard was closed. Return the exit code."""
    if closed.by == signal.SIGHUP or closed.leaves_running:
        engine.release()
        if closed.leaves_running:
            write_left_running(ready.folder)
        return closed.code
    if closed.faulty and terminal_is_gone():
        engine.release()  # a dashboard may break on a terminal that goes away before it has heard of that
        return of_signal(signal.SIGHUP)
    if not closed.reads:
        write_nowhere()
    stop(session, signals, left_by=closed.by, paid=ready.paid)
    ended = engine.ended()
    if ended is None:
        return report_lost(ready.folder)
    if ended.report:
        sys.stderr.write(f"{ended.report}\n")
    write_last_words(ended.run, ready.folder, ready.out, ended.errors, ended.held_up)
    signals.tell(_give_up)
    engine.exported()
    if ready.out is not None:
        _write_to_stream(ready)
    return closed.code or ended.code


def _write_to_stream(ready: RunReady) -> None:
    """Write the results where they go to a stream, which the engine has not open."""
    from llmdash.launch.results import export
    from llmdash.reports.export.draft import is_stream

    if ready.out is not None and is_stream(ready.out):
        export(ready.folder, ready.out)


def _give_up(number: int) -> None:
    """End the wait for the results, whose reader may not come; a closed terminal does not."""
    if number != signal.SIGHUP:
        raise KeyboardInterrupt


def report_lost(folder: Path) -> int:
    """Say that the engine is gone without an end, and how to go on. Return the exit code."""
    sys.stderr.write("llmdash: the engine of this run was killed, or broke without a report.\n")
    write_last_words(None, folder, None)
    return ExitCode.INTERNAL
