"""The seam between a run and whoever watches it, wherever the run is: here, elsewhere, or on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View

__all__ = ["ChangingSession", "Session"]


class Session(Protocol):
    """A run that can be watched and steered.

    Both methods return at once and may be called from any thread.
    """

    def frame(self, view: View) -> Frame:
        """The picture of now, as far as `view` shows it."""

    def command(self, command: Command) -> None:
        """Ask for a change; a later frame shows whether it came about."""


@runtime_checkable
class ChangingSession(Session, Protocol):
    """A session that tells when something has happened, so that nobody needs to look for it."""

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None] | None:
        """Have `call` called once, on the event loop that runs here, when more has happened than the
        `changes` that were `seen` in a frame, or a look is worth while for another reason. Return
        what takes that back; None where nobody can tell any more.
        """
