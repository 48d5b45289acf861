"""What the process of an engine does: it makes the run ready, runs it, and reports its end."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from llmdash.config import Settings
from llmdash.crash import crash_report
from llmdash.engine.journal.belongings import CRASH
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.states import Severity
from llmdash.engine.session import LocalSession
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.launch.engine_life import EngineLife, ServedSession
from llmdash.launch.engine_line import EngineLine, EngineOrder, RunEnded, RunExported, RunReady, RunRefused
from llmdash.launch.preparing import PreparedRun, prepare
from llmdash.launch.refusals import refusal_code
from llmdash.launch.results import export, is_exported, run_exit_code
from llmdash.launch.run_order import RunOrder
from llmdash.launch.told import watched_ends
from llmdash.remote.server import SessionServer
from llmdash.reports.alerts import held_up_text
from llmdash.reports.errors import error_kinds
from llmdash.reports.export import ExportError
from llmdash.reports.export.draft import is_stream
from llmdash.signals import Signals

__all__ = ["frames_soon", "serve"]

_SWITCH_S: Final = 0.001
"""Seconds that a thread goes on while another one waits; less costs more than it gains."""
_LOOKS_AT_ALL: Final = 1_000
"""Looks of the collector at younger objects for each at all of them; Python's own are 10."""


def serve(
    line: EngineLine, asked: EngineOrder, make: Callable[[RunOrder, Settings], PreparedRun] = prepare
) -> int:
    """Run what is asked for, as `make` prepares it, to its end. Return the exit code.

    The other end of the line is told that the run is ready, or why it is not, and at last how it ended.
    """
    redact = asked.settings.redactor.redact
    with ExitStack() as stack:
        stack.enter_context(frames_soon())
        try:
            prepared = stack.enter_context(make(asked.order, asked.settings))
            session = ServedSession(prepared.plan)
            life = EngineLife(session, paid=prepared.simulator is None, awaits=line.is_open)
            server = stack.enter_context(SessionServer(session, session.folder, changed=session.tell))
        except Exception as error:  # noqa: BLE001 - the boundary of a process: the one that waits reports it
            stack.close()  # first, so that nothing is left of the run once that is reported
            return _refuse(line, error, redact)
        folder = session.folder.absolute()  # now: the working folder may be deleted meanwhile
        if not line.send(RunReady(os.getpid(), folder, prepared.out, prepared.simulator is None)):
            return ExitCode.INTERNAL  # nobody waits for this run any more
        _release_terminal()
        if asked.settings.telling.on_end is not None:  # or there is nobody to tell, and no need to look
            stack.enter_context(
                watched_ends(session, asked.settings, folder, prepared.out, _notice_of(session))
            )
        with Signals() as signals:
            run = life.live(signals, server)
        ended = _ended(session, run, life.ended_by, redact)
        line.send(ended)
        refused = _export(session, prepared)
        line.send(RunExported(refused))
        code = ended.code if refused is None else refused.code
        server.close(code, ended.report or None)
    return code


@contextmanager
def frames_soon() -> Iterator[None]:
    """Let the thread that makes frames wait less for that of the requests: a key shows its effect after
    several such waits, and Python's own 5 ms of each are felt. So is a tenth of a second, every few seconds,
    in which the collector looks at all that a run holds, which is no garbage.
    """
    switches, looks = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(*looks[:2], _LOOKS_AT_ALL)
    try:
        yield
    finally:
        sys.setswitchinterval(switches)
        gc.set_threshold(*looks)


def _refuse(line: EngineLine, error: Exception, redact: Callable[[str], str]) -> int:
    if (code := refusal_code(error)) is not None:
        refused = RunRefused(str(error), code)
    else:
        refused = RunRefused(crash_report(error, redact), ExitCode.INTERNAL)
    line.send(refused)
    return refused.code


def _release_terminal() -> None:
    """Use the terminal no more: it may be closed from now on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _ended(
    session: LocalSession, run: RunPart | None, ended_by: int | None, redact: Callable[[str], str]
) -> RunEnded:
    if session.crash is not None:
        report = crash_report(session.crash, redact)
        _keep_report(session.folder, report)
        return RunEnded(ExitCode.INTERNAL, None, report)
    code = run_exit_code(session, run) if ended_by is None else of_signal(ended_by)
    last = session.glance()
    return RunEnded(code, run, "", error_kinds(last.errors, session.folder), held_up_text(last))


def _notice_of(session: LocalSession) -> Callable[[str], None]:
    return lambda problem: session.notice(Severity.WARNING, problem)


def _export(session: LocalSession, prepared: PreparedRun) -> RunRefused | None:
    """Write the results to their file, unless that is a stream, which this process has not open.

    Return what kept it from doing so.
    """
    out = prepared.out
    if out is None or is_stream(out) or is_exported(prepared.plan, out):
        return None
    try:
        export(session.folder, out)
    except (ExportError, JournalError) as error:
        if session.ending is Ending.STORAGE:
            return None  # that is reported already
        return RunRefused(str(error), refusal_code(error) or ExitCode.INTERNAL)
    return None


def _keep_report(folder: Path, report: str) -> None:
    """Write the report of a crash beside the journal, for the user alone."""
    try:
        file = os.open(folder / CRASH, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return  # what kept the report from the disk may well be what broke the run
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(report + "\n")
