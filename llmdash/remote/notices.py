"""The notices that a viewer has received: none is lost with a frame that was not shown, none comes twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from llmdash.engine.model.frame import Notice
from llmdash.engine.model.states import Severity

__all__ = ["NoticeLog"]

_KEPT = 400


class NoticeLog:
    """Numbers notices anew, since those for this viewer alone are among them."""

    def __init__(self) -> None:
        self.received = 0
        """The serial of the run's last notice that has arrived."""
        self._kept: deque[Notice] = deque(maxlen=_KEPT)
        self._serial = 0

    def receive(self, notices: Iterable[Notice]) -> None:
        """Add the notices of a frame; those that an earlier frame had too are known."""
        for notice in notices:
            if notice.serial > self.received:
                self.received = notice.serial
                self._keep(notice)

    def add(self, severity: Severity, text: str) -> None:
        """Add a notice for this viewer."""
        self._keep(Notice(0, severity, text))

    def _keep(self, notice: Notice) -> None:
        self._serial += 1
        self._kept.append(replace(notice, serial=self._serial))

    def after(self, serial: int) -> tuple[Notice, ...]:
        """Return the notices with a serial above `serial`."""
        if serial >= self._serial:
            return ()
        return tuple(notice for notice in self._kept if notice.serial > serial)
