"""Opens the home screen, then the dashboard on the run that is started or opened there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmdash import locations
from llmdash.launch.dashboard import open_dashboard
from llmdash.launch.home import Flags, HomeLauncher
from llmdash.signals import Signals
from llmdash.ui.settings.preferences import PreferencesFile

if TYPE_CHECKING:
    from llmdash.config import Settings

__all__ = ["show_home"]


def show_home(settings: Settings, load: Callable[[Flags], Settings]) -> int:
    """Open the home screen, then the dashboard on the run it starts. Return the exit code.

    `load` returns the settings with flags of the command line.
    """
    launcher = HomeLauncher(settings, load, PreferencesFile(locations.preferences_file()))
    with Signals() as signals, launcher:
        closed = open_dashboard(
            None, settings, signals, launcher=launcher, goes_on_without=True, gone=launcher.lost_its_run
        )
        from llmdash.launch.attaching import conclude_attached
        from llmdash.launch.watching import conclude

        if (begun := launcher.begun) is not None:
            return conclude(begun.engine, begun.ready, begun.session, closed, signals)
        if launcher.attached is not None:
            return conclude_attached(launcher.attached, closed, signals)
        return closed.code
