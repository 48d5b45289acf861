"""Tells the user that a run is done, held or stopped, whether a dashboard is open or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from llmdash.child_process import environment_without
from llmdash.config import Settings
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState
from llmdash.launch.on_end import EndCommand
from llmdash.llms.dialects import DIALECTS
from llmdash.reports.errors import KeptRun, error_kinds
from llmdash.reports.occasions import Occasion, Occasions
from llmdash.reports.summary import summary

__all__ = ["EndWatch", "Glanced", "Told", "end_command", "watched_ends"]

_LOOK_S = 0.5
_AT_WORK = Frame(run=RunPart(state=RunState.RUNNING, attempts=-1))
"""What goes before all that is seen: an end that is found is news to who started the run."""

Told = Callable[[Occasion, Frame], None]


class Glanced(Protocol):
    """A session of this process."""

    def glance(self) -> Frame:
        """Return a frame that depends on no view."""


class EndWatch:
    """As a context, calls `told` with each occasion of a session: on a thread of its own while the session
    goes on, and a last time when the context is left.
    """

    def __init__(
        self,
        session: Glanced,
        told: Told,
        *,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = _LOOK_S,
    ) -> None:
        self._session = session
        self._told = told
        self._occasions = Occasions(clock)
        self._occasions.look(_AT_WORK)
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="llmdash-ends", daemon=True)

    def look(self) -> None:
        """Call `told` if there is an occasion now."""
        frame = self._session.glance()
        occasion = self._occasions.look(frame)
        if occasion is not None:
            self._told(occasion, frame)

    def _work(self) -> None:
        while not self._over.wait(self._every_s):
            self.look()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            self.look()


def watched_ends(
    session: Glanced,
    settings: Settings,
    folder: Path,
    out: Path | None,
    report: Callable[[str], None],
    *also: Told,
) -> EndWatch:
    """Return the watch that runs the command of the settings, if any, for a run in this process.

    `report` is called with what went wrong with it, each of `also` before it.
    """
    command = end_command(settings, folder)

    def told(occasion: Occasion, frame: Frame) -> None:
        for each in also:
            each(occasion, frame)
        if command is None:
            return
        kept = KeptRun(folder, error_kinds(frame.errors, folder), out)
        problem = command.run({**summary(frame, kept), "why": occasion.value})
        if problem is not None:
            report(problem)

    return EndWatch(session, told)


def end_command(settings: Settings, folder: Path) -> EndCommand | None:
    """Return the command of the settings, with an environment without keys; None if there is none."""
    if settings.telling.on_end is None:
        return None
    redact = settings.redactor.redact
    environment = environment_without(lambda value: redact(value) != value)
    named = tuple(name for entry in DIALECTS.values() for name in entry.provider.key_variables)
    kept = {name: value for name, value in environment.items() if not _holds_key(name, named)}
    return EndCommand(settings.telling.on_end, folder, kept)


def _holds_key(variable: str, named: tuple[str, ...]) -> bool:
    """True for the variables that hold keys, used or not: `API_KEY`, and those of the providers."""
    return "API_KEY" in variable.upper() or variable.startswith(named)
