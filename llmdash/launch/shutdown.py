"""Ends a session on command or by a signal, and says how it was left."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from llmdash.engine.model.commands import Cancel, Drain
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.reports.errors import ErrorKind, failed_by_kind
from llmdash.reports.wording import (
    answers_place,
    attach_command,
    cost_of_run,
    resume_command,
    share,
    times_text,
    way_on,
)
from llmdash.sanitize import clean_line
from llmdash.signals import Signals, terminal_is_gone

__all__ = [
    "OwnSession",
    "last_figures",
    "last_frame",
    "left_running",
    "obeying_signals",
    "stop",
    "write_last_words",
    "write_left_running",
    "write_nowhere",
]

_LOOK_S = 0.05
_IMPATIENT = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGQUIT))
"""Signals that end a wait."""
_AT_WORK = frozenset((RunState.RUNNING, RunState.DRAINING))
"""States in which something may still be sent, or is in flight."""


class OwnSession(Session, Protocol):
    """A session that this process runs, or has begun elsewhere."""

    @property
    def crash(self) -> BaseException | None:
        """What broke the run, if anything."""

    @property
    def alive(self) -> bool:
        """True while it works or waits for commands."""

    def start(self) -> None:
        """Start the run; later calls do nothing."""

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most `timeout_s` seconds. Return True if the session has ended."""


def stop(session: OwnSession, signals: Signals, *, left_by: int | None, paid: bool) -> None:
    """Cancel the session, as `left_by` says: the signal that ended it, or None for a command.

    Requests that cost money are waited for, after SIGINT and SIGTERM all are; one more signal ends the wait.
    """
    if left_by != signal.SIGQUIT and (paid or left_by is not None):
        _drain(session, signals, known=_up_to(left_by, signals.received))
    session.command(Cancel())


def _up_to(left_by: int | None, received: Sequence[int]) -> int:
    """How many signals had come with the one that ended the session: those before it hurry nobody."""
    return 0 if left_by not in received else received.index(left_by) + 1


def _drain(session: OwnSession, signals: Signals, *, known: int) -> None:
    """Send nothing new and wait for what is in flight, at most the plan's `grace_s`, or until a signal comes
    after the `known` first ones.
    """
    session.command(Drain())
    told = False
    while session.alive and not any(number in _IMPATIENT for number in signals.received[known:]):
        run = last_figures(session)
        if run is None or not (run.in_flight or run.state in _AT_WORK):
            return
        if run.in_flight and not told:
            waits = f"Waiting for {counted(run.in_flight, 'request')} in flight; Ctrl-C to give them up."
            _write(f"{waits}\n")
            told = True
        time.sleep(_LOOK_S)


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


def left_running(folder: Path) -> str:
    """Return how to come back to a run that goes on, a line."""
    return f"The run goes on. Watch it again with: {attach_command(folder)}"


def write_left_running(folder: Path) -> None:
    """Print how to come back to a run that goes on."""
    _write(left_running(folder) + "\n")


def write_last_words(
    run: RunPart | None,
    folder: Path,
    out: Path | None,
    errors: Sequence[ErrorKind] = (),
    held_up: str = "",
) -> None:
    """Print the final counts of a run, why jobs failed and what `held_up` the others, how to go on, and where
    its answers are.
    """
    _write(_last_words(run, folder, out, errors, held_up))


def _write(text: str) -> None:
    """Print a text; a terminal that was closed meanwhile is no fault of the run."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        if not terminal_is_gone():
            raise
        write_nowhere()


def write_nowhere() -> None:
    """Drop all output from now on: no one reads it, or not for hours."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it serves until the process ends
    sys.stdout = sys.stderr = nowhere


def last_frame(session: Session) -> Frame | None:
    """Return the figures of the run, and why jobs failed; None if making a frame fails."""
    try:
        return session.frame(View(jobs=JobsView(height=0), errors=True))
    except Exception:  # noqa: BLE001 - the error was reported already, and the run has to end in order
        return None


def last_figures(session: Session) -> RunPart | None:
    """Return the figures of the run; None if making a frame fails."""
    frame = last_frame(session)
    return None if frame is None else frame.run


def _last_words(
    run: RunPart | None, folder: Path, out: Path | None, errors: Sequence[ErrorKind], held_up: str
) -> str:
    resume = f"Resume it with: {resume_command(folder)}{way_on(run)}\n"
    if run is None:
        return resume
    kinds = ", ".join(
        f"{kind} {jobs:,}" for kind, jobs in failed_by_kind(errors).items() if kind != "invalid"
    )
    failed = f"{run.failed:,} failed" + (f" ({kinds})" if run.failed and kinds else "")
    counts = [f"{run.done:,} of {run.jobs:,} done", failed]
    counts += [f"{run.invalid:,} invalid"] if run.invalid else []
    counts += [f"{run.batched:,} with a provider"] if run.batched else []
    counts += [f"{share(run.score.accuracy)} right"] if run.score is not None and run.score.total else []
    counts += [cost_of_run(run)] if run.cost is not None else []
    counts += [f"{counted(run.left_out, 'input line')} left out"] if run.left_out else []
    whole = run.state is RunState.DONE or run.ended == run.jobs
    why = f"\nHeld up at the end: {clean_line(held_up)}\n" if held_up and not whole else " "
    said = f"{', '.join(counts)}, in {times_text(run)}.{why}"
    said += f"The run is kept in {clean_line(str(folder))}\n" if whole else resume
    if whole and run.failed + run.invalid:
        said += f"Try what failed again with: {resume_command(folder)} --retry-failed\n"
    return f"{said}Answers: {answers_place(folder, out)}\n" if run.done else said
