"""KeptLooks: looks at the kept runs from time to time, as long as they are on screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from textual.screen import Screen
from textual.timer import Timer

if TYPE_CHECKING:
    from llmdash.ui.home.blocking_work import BlockingWork
    from llmdash.ui.launcher import KeptPart

__all__ = ["KeptLooks"]

_LOOK_S: Final = 2.0
"""Seconds between two looks at the kept runs, at least: those that run go on."""
_REST: Final = 10
"""How many times as long as a look the pause after it is, at least: thousands of runs keep no core busy."""


class KeptLooks:
    """Asks for the kept runs, hands them to `show`, and asks again after a pause.

    Why a look failed is handed to `tell`, but only once as long as it stays the same.
    """

    def __init__(
        self,
        screen: Screen[None],
        work: BlockingWork,
        ask: Callable[[], KeptPart],
        clock: Callable[[], float],
        show: Callable[[KeptPart], None],
        tell: Callable[[str], None],
    ) -> None:
        self._screen = screen
        self._work = work
        self._ask = ask
        self._clock = clock
        self._show = show
        self._tell = tell
        self._problem = ""
        self._began_at = 0.0
        self._next: Timer | None = None

    def look(self) -> None:
        """Look now, while the screen is the one that is shown: thousands of runs take their time."""
        if self._next is not None:
            self._next.stop()
        if self._screen.is_current and not self._work.goes_on("kept"):
            self._began_at = self._clock()
            self._work.start("kept", self._ask, self._seen, self._not_seen)

    def _seen(self, kept: KeptPart) -> None:
        self._look_again()
        self._problem = ""
        self._show(kept)

    def _not_seen(self, problem: str) -> None:
        self._look_again()
        if problem != self._problem:
            self._problem = problem
            self._tell(problem)

    def _look_again(self) -> None:
        pause_s = max(_LOOK_S, _REST * (self._clock() - self._began_at))
        self._next = self._screen.set_timer(pause_s, self.look)
