"""Runs without a screen: progress on a terminal or in lines, results, and an exit code for scripts."""

from __future__ import annotations

import sys
from pathlib import Path

from llmdash.config import Settings
from llmdash.crash import crash_report
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.timings import Grouping
from llmdash.engine.model.view import JobsView, TimingView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.kept import report_room
from llmdash.launch.results import export, is_exported, run_exit_code
from llmdash.launch.shutdown import obeying_signals
from llmdash.launch.told import Told, watched_ends
from llmdash.remote.addresses import ListenError
from llmdash.remote.server import SessionServer
from llmdash.reports.errors import KeptRun, error_kinds
from llmdash.reports.occasions import Occasion
from llmdash.reports.output import Output
from llmdash.reports.progress import display_for, watch
from llmdash.reports.streams import can_draw_on
from llmdash.reports.wording import pending_words
from llmdash.sanitize import clean_line

__all__ = ["run_headless"]


def run_headless(plan: RunPlan, settings: Settings, *, json: bool, out: Path | None) -> int:
    """Run to the end, or until a signal, then export to `out`. Return the exit code.

    The user is told of the end as the settings say; on a terminal by the bell.

    Raises LockedError or JournalError before anything is sent, ExportError after the run if `out` cannot be
    written.
    """
    session = LocalSession(plan)
    server = _server_of(session)
    folder = plan.folder.absolute()  # now: the working folder may be deleted meanwhile
    try:
        with watched_ends(session, settings, folder, out, _report, _bell(settings)):
            code = _run(session, plan, folder, settings, json=json, out=out)
            server.close(code)
            return code
    finally:
        server.close()


def _server_of(session: LocalSession) -> SessionServer:
    """Let other processes watch and steer the run; where they cannot, it goes on without."""
    server = SessionServer(session, session.folder)
    try:
        server.start()
    except ListenError as error:
        Output(sys.stderr).line(f"llmdash: the run cannot be attached to: {clean_line(str(error))}")
    return server


def _run(
    session: LocalSession, plan: RunPlan, folder: Path, settings: Settings, *, json: bool, out: Path | None
) -> int:
    display = display_for(sys.stdout, json=json, tty=can_draw_on(sys.stdout))
    with obeying_signals(session) as signals:
        session.start()
        if not plan.resume:
            report_room(settings.kept)
        watch(session, display, until=lambda _frame: not session.alive)
        session.join()
    last = session.frame(View(jobs=JobsView(height=0), errors=True, timings=TimingView(Grouping.KEY)))
    if session.crash is not None:
        sys.stderr.write(crash_report(session.crash, settings.redactor.redact) + "\n")
        return ExitCode.INTERNAL
    if out is not None and not is_exported(plan, out):
        _export_what_there_is(session, out)
    display.finish(last, KeptRun(folder, error_kinds(last.errors, folder), out))
    if plan.notes.get("check") and last.run.done and last.run.score is None:
        Output(sys.stderr).line(
            "llmdash: --check: nothing was scored, as no row has `expected`; --expected-column names another "
            "field"
        )
    if words := pending_words(last, plan.folder):
        Output(sys.stderr).line(f"llmdash: {words}")
    if signals.received and session.ending is not Ending.STORAGE:
        return of_signal(signals.received[0])
    return run_exit_code(session, last.run)


def _report(problem: str) -> None:
    Output(sys.stderr).line(f"llmdash: {clean_line(problem)}")


def _bell(settings: Settings) -> Told:
    """Return what rings the bell of a terminal, unless it is to be quiet."""

    def ring(_occasion: Occasion, _frame: Frame) -> None:
        if settings.telling.notify != "none" and sys.stderr.isatty():
            sys.stderr.write("\a")
            sys.stderr.flush()

    return ring


def _export_what_there_is(session: LocalSession, out: Path) -> None:
    """Export the results of a run whose storage failed, if there is anything to read."""
    try:
        export(session.folder, out)
    except JournalError:
        if session.ending is not Ending.STORAGE:
            raise
