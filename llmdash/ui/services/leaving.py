"""Leaving: what `q` and the way home leave, and what is asked before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.screen import Screen

if TYPE_CHECKING:
    from llmdash.ui.launcher import Launcher

__all__ = ["Leaving"]


class Leaving:
    """Leaves `app`, or what was opened in it from the home screen of `launcher`.

    Where the run `goes_on_without` the app, leaving it asks what is to become of it.
    """

    def __init__(self, app: App[Any], launcher: Launcher | None, *, goes_on_without: bool) -> None:
        self._app = app
        self._launcher = launcher
        self._goes_on_without = goes_on_without
        self.leaves_running = False
        """True if the user left a run that is to go on."""

    @property
    def _shows_open_run(self) -> bool:
        return any(_is_open_run(screen) for screen in self._app.screen_stack)

    def quit(self) -> None:
        """Leave what is shown; ask first what is to become of a run that is not over and can go on."""
        if self._launcher is not None and not self._launcher.holds_run and len(self._app.screen_stack) > 1:
            self._close_all()
        elif self._goes_on_without and self._shows_open_run:
            self._ask()
        else:
            self._app.exit()

    def _ask(self) -> None:
        from llmdash.ui.screens.leave import LeaveChoice, LeaveScreen

        def leave(choice: LeaveChoice | None) -> None:
            if choice is LeaveChoice.LEAVE and self._launcher is not None:
                self._app.call_later(self.leave_run)  # the question is still there
                return
            self.leaves_running = choice is LeaveChoice.LEAVE
            if choice in (LeaveChoice.LEAVE, LeaveChoice.STOP):
                self._app.exit()

        stays = (
            getattr(screen, "stays_out", "") for screen in self._app.screen_stack if _is_open_run(screen)
        )
        self._app.push_screen(LeaveScreen(next(stays, "")), leave)

    def go_home(self) -> None:
        """Leave a run that has ended for the home screen, if this began there; else say why not."""
        if self._launcher is None:
            self._app.notify("This did not begin at home; llmdash without a command opens it", markup=False)
        elif self._shows_open_run:
            self._app.notify("The run goes on: q asks what is to become of it", markup=False)
        else:
            self.leave_run()

    def leave_run(self) -> None:
        """Go home from whatever was begun there; a run that goes on is not touched."""
        if self._launcher is not None:
            self._close_all()
            left = self._launcher.leave()  # by now: another may be opened before that is done
            self._app.run_worker(left, thread=True)

    def _close_all(self) -> None:
        """Close what was opened from the home screen: nothing of it goes on."""
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()


def _is_open_run(screen: Screen[Any]) -> bool:
    """True for a dashboard whose run goes on; who leaves home need not load it to be told that it is none."""
    return bool(getattr(screen, "is_open", False))
