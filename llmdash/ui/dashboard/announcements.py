"""What the user learns besides the picture: toasts for notices, and a call when the run is done or held."""

from __future__ import annotations

from collections.abc import Callable

from llmdash.engine.model.frame import Frame, Notice
from llmdash.reports.occasions import Occasions, occasion_words
from llmdash.ui.text.toasts import as_toasts

__all__ = ["Announcements"]


class Announcements:
    """Passes each notice on to `toast` once, and a line to `call` when the run is done, held, or stopped."""

    def __init__(self, toast: Callable[[Notice], None], call: Callable[[str], object]) -> None:
        self._toast = toast
        self._call = call
        self._occasions = Occasions()
        self._last_notice = 0

    @property
    def last_notice(self) -> int:
        """The serial of the last notice that was passed on; 0 before the first."""
        return self._last_notice

    def look(self, frame: Frame) -> None:
        """Pass on what is new in a frame; what a replay comes by is no news."""
        new = [notice for notice in frame.notices if notice.serial > self._last_notice]
        self._last_notice = max((self._last_notice, *(notice.serial for notice in new)))
        for notice in as_toasts(new):
            self._toast(notice)
        if frame.replay is None and (occasion := self._occasions.look(frame)) is not None:
            self._call(occasion_words(occasion, frame))
