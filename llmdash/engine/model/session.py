"""The seam between a run and whoever watches it, wherever the run is: here, elsewhere, or on record."""

from __future__ import annotations

from typing import Protocol

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View

__all__ = ["Session"]


class Session(Protocol):
    """A run that can be watched and steered.

    Both methods return at once and may be called from any thread.
    """

    def frame(self, view: View) -> Frame:
        """The picture of now, as far as `view` shows it."""

    def command(self, command: Command) -> None:
        """Ask for a change; a later frame shows whether it came about."""
