"""What happens to a session when its dashboard has been closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from llmdash.crash import crash_report
from llmdash.engine.model.commands import Cancel, Drain
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.reports.wording import resume_command
from llmdash.sanitize import clean_line
from llmdash.signals import Signals

__all__ = ["OwnSession", "end_session", "obeying_signals", "write_last_words"]

_LOOK_S = 0.05
_LOOK_ALONE_S = 0.5
_IMPATIENT = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGQUIT))
"""Signals that end a wait."""


class OwnSession(Session, Protocol):
    """A session of this process, which begins and ends with it."""

    crash: BaseException | None

    @property
    def alive(self) -> bool:
        """True while it works or waits for commands."""

    def start(self) -> None:
        """Begin to work; does nothing where that was asked before."""

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; True if it has come."""


def end_session(
    session: OwnSession,
    signals: Signals,
    *,
    left_by: int | None,
    reads: bool,
    paid: bool,
    outlives_terminal: bool,
    redact: Callable[[str], str],
    fault_shown: bool,
) -> RunPart | None:
    """End the session as befits what closed the dashboard, a signal or None for `q`; gives its last figures.

    Requests that cost money are waited for, and after SIGINT and SIGTERM all are; one more signal cuts that
    short. After SIGHUP a session that `outlives_terminal` goes on until there is nothing left that it could
    do. Nothing is written to a terminal that is gone, or no longer `reads`.
    """
    if left_by == signal.SIGHUP or not reads:
        _write_nowhere()
    wait = _Patience(session, signals, left_by)
    if left_by == signal.SIGHUP and outlives_terminal:
        wait.carry_on()
    if left_by != signal.SIGQUIT and (paid or left_by is not None):
        wait.drain()
    session.command(Cancel())
    session.start()  # one who left before the first picture leaves a run that was not begun yet
    session.join()
    last = _look(session)
    if session.crash is not None and not fault_shown:
        sys.stderr.write(crash_report(session.crash, redact).plain + "\n")
    return last


@contextmanager
def obeying_signals(session: OwnSession) -> Iterator[Signals]:
    """A session without a screen: the first SIGINT or SIGTERM drains it, the second and SIGQUIT cancel it;
    after SIGHUP it goes on, with nobody to read.
    """
    with Signals() as signals:

        def obey(number: int) -> None:
            asked = [one for one in signals.received if one != signal.SIGHUP]
            if number != signal.SIGHUP:
                command = Drain() if len(asked) == 1 and number != signal.SIGQUIT else Cancel()
                # The lock that a command takes may be held by what was interrupted.
                threading.Thread(target=session.command, args=(command,)).start()

        signals.tell(obey)
        yield signals


def write_last_words(run: RunPart | None, folder: Path) -> None:
    """Say what came of a run, and how to go on with it."""
    sys.stdout.write(_last_words(run, folder))
    sys.stdout.flush()


def _write_nowhere() -> None:
    """Nobody is left to read, or may not for hours: what would be written is dropped."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it serves until the process ends
    sys.stdout = sys.stderr = nowhere


class _Patience:
    """Waits for a run until a signal says that this takes too long."""

    def __init__(self, session: OwnSession, signals: Signals, left_by: int | None) -> None:
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


def _in_flight(session: OwnSession) -> int:
    run = _look(session)
    return 0 if run is None or not session.alive else run.in_flight


def _is_in(session: OwnSession, states: frozenset[RunState]) -> bool:
    run = _look(session)
    return run is None or run.state in states


def _last_words(run: RunPart | None, folder: Path) -> str:
    if run is None:
        return f"Go on with: {resume_command(folder)}\n"
    said = f"{run.done:,} of {run.jobs:,} done, {run.failed:,} failed."
    if run.state is RunState.DONE or run.ended == run.jobs:
        return f"{said} The run is kept in {clean_line(str(folder))}\n"
    return f"{said} Go on with: {resume_command(folder)}\n"
