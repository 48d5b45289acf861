"""What the dashboard and a screen over it ask of each other: one timer feeds both, one hand steers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View

__all__ = ["Overlay", "Steering"]


@runtime_checkable
class Overlay(Protocol):
    """A screen that shows more of the run than the dashboard does."""

    def wanted(self, view: View) -> View:
        """The dashboard's view with what this screen needs besides."""

    def show_frame(self, frame: Frame) -> None:
        """Show what came back."""


class Steering(Protocol):
    """What the dashboard does for a screen over it."""

    def send(self, command: Command) -> None:
        """Hand a command to the session."""

    def toggle_pause(self) -> None:
        """Pause a run, or resume one that is held."""

    def nudge_rate(self, steps: int) -> None:
        """Ask for a rate so many steps higher, or lower if negative."""
