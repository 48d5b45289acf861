"""A run without a screen: progress on a terminal or in lines, results, and an exit code that scripts can
count on.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.commands import Cancel, Drain
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.reports import export as exports
from llmdash.reports.output import Output
from llmdash.reports.progress import display_for, watch
from llmdash.reports.wording import resume_command
from llmdash.signals import ending_signals

__all__ = ["EXIT_FAILED", "EXIT_LOCKED", "EXIT_STORAGE", "EXIT_USAGE", "export", "run_headless"]

EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_KILL_SWITCH = 4
EXIT_NO_KEY = 5
EXIT_LOCKED = 6
EXIT_STORAGE = 7
EXIT_SIGNAL = 128


def run_headless(plan: RunPlan, *, json: bool, out: Path | None, redact: Callable[[str], str]) -> int:
    """Run to the end, or until a signal; then export to `out`. Gives the exit code. `redact` takes secrets
    out of a text, should the program fail.

    Raises LockedError or JournalError before anything is sent, ExportError after the run if `out` cannot be
    written.
    """
    session = LocalSession(plan)
    display = display_for(sys.stdout, json=json, tty=sys.stdout.isatty())
    with _signals(session) as received:
        session.start()
        watch(session, display, until=lambda _frame: not session.alive)
        session.join()
    last: Frame = session.frame(View(jobs=JobsView(height=0)))
    if session.crash is not None:
        from llmdash.crash import crash_report  # rich, which only a fault needs here

        sys.stderr.write(crash_report(session.crash, redact).plain + "\n")
        return EXIT_INTERNAL
    if out is not None:
        _export_what_there_is(session, out)
    display.finish(last)
    if pending := last.run.jobs - last.run.ended:
        go_on = resume_command(plan.folder)
        Output(sys.stderr).line(f"llmdash: {pending:,} prompts are pending; go on with: {go_on}")
    return _exit_code(session.ending, last, received)


def _export_what_there_is(session: LocalSession, out: Path) -> None:
    """Of a run that ended because it could not be kept, there may be nothing to export."""
    try:
        export(session.folder, out)
    except JournalError:
        if session.ending is not Ending.STORAGE:
            raise


def export(folder: Path, out: Path) -> int:
    """Write every ended job of the run in `folder` to `out`; gives their number."""
    return exports.export(JournalReader(folder).results(), out)


def _exit_code(ending: Ending | None, last: Frame, received: list[int]) -> int:
    if received and ending is not Ending.STORAGE:
        return EXIT_SIGNAL + received[0]
    codes = {Ending.NO_KEY: EXIT_NO_KEY, Ending.STORAGE: EXIT_STORAGE, Ending.KILL_SWITCH: EXIT_KILL_SWITCH}
    if ending in codes:
        return codes[ending]
    return EXIT_FAILED if last.run.failed else 0


@contextmanager
def _signals(session: LocalSession) -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM drains the run, the second and SIGQUIT cancel it; after SIGHUP it goes on,
    with nobody to read. The signals received are listed.
    """
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        asked = [one for one in received if one != signal.SIGHUP]
        if number != signal.SIGHUP:
            session.command(Drain() if len(asked) == 1 and number != signal.SIGQUIT else Cancel())

    before = {number: signal.signal(number, handle) for number in ending_signals()}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
