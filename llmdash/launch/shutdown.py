"""Ends a session when its dashboard was closed, or when a signal arrives."""

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
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.reports.wording import answers_place, resume_command
from llmdash.sanitize import clean_line
from llmdash.signals import Signals

__all__ = ["OwnSession", "end_session", "obeying_signals", "write_last_words"]

_LOOK_S = 0.05
_LOOK_ALONE_S = 0.5
_IMPATIENT = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGQUIT))
"""Signals that end a wait."""


class OwnSession(Session, Protocol):
    """A session that runs in this process."""

    crash: BaseException | None

    @property
    def alive(self) -> bool:
        """True while it works or waits for commands."""

    def start(self) -> None:
        """Start the run; later calls do nothing."""

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most `timeout_s` seconds. Return True if the session has ended."""


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
    """End the session according to `left_by`, the signal that closed the dashboard, or None for `q`.

    Return its last figures. Requests that cost money are waited for, after SIGINT and SIGTERM all are; one
    more signal ends the wait. After SIGHUP a session that `outlives_terminal` continues until it can do no
    more. Nothing is written to a terminal that is closed, or no longer `reads`.
    """
    if left_by == signal.SIGHUP or not reads:
        _write_nowhere()
    wait = _Patience(session, signals, left_by)
    if left_by == signal.SIGHUP and outlives_terminal:
        wait.carry_on()
    if left_by != signal.SIGQUIT and (paid or left_by is not None):
        wait.drain()
    session.command(Cancel())
    session.start()  # if the dashboard was closed before the first frame, the run was not started yet
    session.join()
    last = _look(session)
    if session.crash is not None and not fault_shown:
        sys.stderr.write(crash_report(session.crash, redact) + "\n")
    return last


@contextmanager
def obeying_signals(session: OwnSession) -> Iterator[Signals]:
    """A context in which signals control a session without a screen.

    The first SIGINT or SIGTERM drains it, the second and SIGQUIT cancel it; after SIGHUP it continues without
    output.
    """
    with Signals() as signals:

        def obey(number: int) -> None:
            asked = [one for one in signals.received if one != signal.SIGHUP]
            if number != signal.SIGHUP:
                command = Drain() if len(asked) == 1 and number != signal.SIGQUIT else Cancel()
                # The interrupted code may hold the lock that a command takes.
                threading.Thread(target=session.command, args=(command,)).start()

        signals.tell(obey)
        yield signals


def write_last_words(run: RunPart | None, folder: Path, out: Path | None) -> None:
    """Print the final counts of a run, how to resume it, and where its answers are."""
    sys.stdout.write(_last_words(run, folder, out))
    sys.stdout.flush()


def _write_nowhere() -> None:
    """Drop all output from now on: no one reads it, or not for hours."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it serves until the process ends
    sys.stdout = sys.stderr = nowhere


class _Patience:
    """Waits for a run until one more signal arrives."""

    def __init__(self, session: OwnSession, signals: Signals, left_by: int | None) -> None:
        self._session = session
        self._signals = signals
        self._known = 1 if signals.received[:1] == [left_by] else 0

    @property
    def _over(self) -> bool:
        return any(number in _IMPATIENT for number in self._signals.received[self._known :])

    def carry_on(self) -> None:
        """Let the run continue without a screen; a signal drains it."""
        ended = frozenset((RunState.DONE, RunState.STOPPED, RunState.PAUSED))
        while self._session.alive and not self._over and not _is_in(self._session, ended):
            self._session.join(_LOOK_ALONE_S)
        self._known = len(self._signals.received)

    def drain(self) -> None:
        """Send nothing new and wait for what is in flight, at most the plan's `grace_s`."""
        in_flight = _in_flight(self._session)
        if not in_flight:
            return
        sys.stdout.write(f"Waiting for {counted(in_flight, 'request')} in flight; Ctrl-C to give them up.\n")
        sys.stdout.flush()
        self._session.command(Drain())
        while not self._over and _in_flight(self._session):
            self._session.join(_LOOK_S)


def _look(session: Session) -> RunPart | None:
    """Return the figures of the run; None if making a frame fails."""
    try:
        return session.frame(View(jobs=JobsView(height=0))).run
    except Exception:  # noqa: BLE001 - the error was reported already, and the run has to end in order
        return None


def _in_flight(session: OwnSession) -> int:
    run = _look(session)
    return 0 if run is None or not session.alive else run.in_flight


def _is_in(session: OwnSession, states: frozenset[RunState]) -> bool:
    run = _look(session)
    return run is None or run.state in states


def _last_words(run: RunPart | None, folder: Path, out: Path | None) -> str:
    resume = f"Resume it with: {resume_command(folder)}\n"
    if run is None:
        return resume
    counts = [f"{run.done:,} of {run.jobs:,} done", f"{run.failed:,} failed"]
    counts += [f"{run.invalid:,} invalid"] if run.invalid else []
    counts += [f"{counted(run.left_out, 'input line')} left out"] if run.left_out else []
    whole = run.state is RunState.DONE or run.ended == run.jobs
    said = f"{', '.join(counts)}. " + (f"The run is kept in {clean_line(str(folder))}\n" if whole else resume)
    return f"{said}Answers: {answers_place(folder, out)}\n" if run.done else said
