"""Runs without a screen: progress on a terminal or in lines, results, and an exit code for scripts."""

from __future__ import annotations

import sys
from pathlib import Path

from llmdash.crash import crash_report
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.counts import counted
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.results import export, run_exit_code
from llmdash.launch.shutdown import obeying_signals
from llmdash.reports.errors import KeptRun, error_kinds
from llmdash.reports.output import Output
from llmdash.reports.progress import display_for, watch
from llmdash.reports.streams import can_draw_on
from llmdash.reports.wording import resume_command
from llmdash.secrets import Redactor

__all__ = ["run_headless"]


def run_headless(plan: RunPlan, *, json: bool, out: Path | None, redactor: Redactor) -> int:
    """Run to the end, or until a signal, then export to `out`. Return the exit code.

    `redactor` removes secrets from the report of a crash.

    Raises LockedError or JournalError before anything is sent, ExportError after the run if `out` cannot be
    written.
    """
    session = LocalSession(plan)
    folder = plan.folder.absolute()  # now: the working folder may be deleted meanwhile
    display = display_for(sys.stdout, json=json, tty=can_draw_on(sys.stdout))
    with obeying_signals(session) as signals:
        session.start()
        watch(session, display, until=lambda _frame: not session.alive)
        session.join()
    last = session.frame(View(jobs=JobsView(height=0), errors=True))
    if session.crash is not None:
        sys.stderr.write(crash_report(session.crash, redactor.redact) + "\n")
        return ExitCode.INTERNAL
    if out is not None:
        _export_what_there_is(session, out)
    display.finish(last, KeptRun(folder, error_kinds(last.errors, folder), out))
    if pending := last.run.jobs - last.run.ended:
        go_on = resume_command(plan.folder)
        Output(sys.stderr).line(f"llmdash: {counted(pending, 'prompt')} pending; resume it with: {go_on}")
    if signals.received and session.ending is not Ending.STORAGE:
        return of_signal(signals.received[0])
    return run_exit_code(session, last.run)


def _export_what_there_is(session: LocalSession, out: Path) -> None:
    """Export the results of a run whose storage failed, if there is anything to read."""
    try:
        export(session.folder, out)
    except JournalError:
        if session.ending is not Ending.STORAGE:
            raise
