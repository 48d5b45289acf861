"""What happens to a run when its dashboard has been closed, and the exit code that comes of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from llmdash.crash import crash_report
from llmdash.engine.model.commands import Cancel, Drain
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.run import Ending
from llmdash.engine.session import LocalSession
from llmdash.launch.headless import EXIT_FAILED, EXIT_INTERNAL, EXIT_STORAGE
from llmdash.reports.wording import resume_command
from llmdash.sanitize import clean_line
from llmdash.signals import Signals

__all__ = ["finish", "write_nowhere"]

_LOOK_S = 0.05
_LOOK_ALONE_S = 0.5
_IMPATIENT = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGQUIT))
"""Signals that end a wait."""


def write_nowhere() -> None:
    """Nobody is left to read, or may not for hours: what would be written is dropped."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it serves until the process ends
    sys.stdout = sys.stderr = nowhere


def finish(
    session: LocalSession,
    signals: Signals,
    *,
    left_by: int | None,
    paid: bool,
    redact: Callable[[str], str],
    fault_told: bool,
) -> int:
    """End the run as befits what closed the dashboard, a signal or None for `q`; gives the exit code.

    Requests that cost money are waited for, and after SIGINT and SIGTERM all are; one more signal cuts that
    short. After SIGHUP the run goes on until there is nothing left that it could do.
    """
    wait = _Patience(session, signals, left_by)
    if left_by == signal.SIGHUP:
        wait.carry_on()
    if left_by != signal.SIGQUIT and (paid or left_by is not None):
        wait.drain()
    session.command(Cancel())
    session.start()  # one who left before the first picture leaves a run that was not begun yet
    session.join()
    last = _look(session)
    if session.crash is not None and not fault_told:
        sys.stderr.write(crash_report(session.crash, redact).plain + "\n")
    sys.stdout.write(_last_words(last, session.folder))
    sys.stdout.flush()
    return _exit_code(session, last)


class _Patience:
    """Waits for a run until a signal says that this takes too long."""

    def __init__(self, session: LocalSession, signals: Signals, left_by: int | None) -> None:
        self._session = session
        self._signals = signals
        self._known = 1 if signals.received[:1] == [left_by] else 0

    @property
    def _over(self) -> bool:
        return any(number in _IMPATIENT for number in self._signals.received[self._known :])

    def carry_on(self) -> None:
        """Let the run go on without a screen; a signal has it drained."""
        ended = frozenset((RunState.DONE, RunState.STOPPED, RunState.PAUSED))
        while self._session.alive and not self._over and not _is_in(self._session, ended):
            self._session.join(_LOOK_ALONE_S)
        self._known = len(self._signals.received)

    def drain(self) -> None:
        """Send nothing new and wait for what is in flight, for as long as the plan's grace at most."""
        in_flight = _in_flight(self._session)
        if not in_flight:
            return
        sys.stdout.write(f"Waiting for {in_flight} requests in flight; Ctrl-C to give them up.\n")
        sys.stdout.flush()
        self._session.command(Drain())
        while not self._over and _in_flight(self._session):
            self._session.join(_LOOK_S)


def _look(session: Session) -> RunPart | None:
    """Where the run stands; None if drawing its picture is the very thing that fails."""
    try:
        return session.frame(View(jobs=JobsView(height=0))).run
    except Exception:  # noqa: BLE001 - whatever it is, it has been told, and the run has to end in order
        return None


def _in_flight(session: LocalSession) -> int:
    run = _look(session)
    return 0 if run is None or not session.alive else run.in_flight


def _is_in(session: LocalSession, states: frozenset[RunState]) -> bool:
    run = _look(session)
    return run is None or run.state in states


def _exit_code(session: LocalSession, run: RunPart | None) -> int:
    if session.crash is not None:
        return EXIT_INTERNAL
    if session.ending is Ending.STORAGE:
        return EXIT_STORAGE
    return EXIT_FAILED if run is not None and run.failed and run.ended == run.jobs else 0


def _last_words(run: RunPart | None, folder: Path) -> str:
    if run is None:
        return f"Go on with: {resume_command(folder)}\n"
    said = f"{run.done:,} of {run.jobs:,} done, {run.failed:,} failed."
    if run.state is RunState.DONE or run.ended == run.jobs:
        return f"{said} The run is kept in {clean_line(str(folder))}\n"
    return f"{said} Go on with: {resume_command(folder)}\n"
