"""The interfaces between the dashboard and a screen over it; one timer polls for both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from llmdash.engine.model.commands import Command
from llmdash.engine.model.errors import ErrorGroup
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import View

__all__ = ["Controls", "ErrorControls", "Overlay"]


@runtime_checkable
class Overlay(Protocol):
    """A screen that shows more of the run than the dashboard does."""

    def wanted(self, view: View) -> View:
        """Return the dashboard's view with what this screen needs in addition."""

    def show_frame(self, frame: Frame) -> None:
        """Show a frame."""


class Controls(Protocol):
    """What the dashboard does for a screen over it."""

    def send(self, command: Command) -> None:
        """Send a command to the session."""

    def poll(self) -> None:
        """Request a frame now and show it."""

    def action_toggle_pause(self) -> None:
        """Pause the run, or resume it."""

    def action_nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""


class ErrorControls(Controls, Protocol):
    """What the dashboard does in addition for the screen of errors."""

    @property
    def skipped_errors(self) -> set[str]:
        """The ids of the groups that are folded away."""

    def retry_groups(self, groups: Iterable[ErrorGroup]) -> None:
        """Queue every failed job of these groups again."""

    def action_retry_failed(self) -> None:
        """Queue every failed job again."""

    def bench(self, label: str) -> None:
        """Send nothing more with a key, or use it again."""

    def show_only(self, filter_text: str) -> None:
        """Show the jobs that match a filter."""

    def inspect(self, job: int) -> None:
        """Show one job in full."""
