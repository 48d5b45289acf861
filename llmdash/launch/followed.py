"""FollowedSession: a run of another process, and what is kept of it once that has ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.session import ChangingSession, Session
from llmdash.engine.model.view import View

if TYPE_CHECKING:
    from llmdash.launch.shutdown import OwnSession
    from llmdash.runs.kept_session import KeptSession

__all__ = ["FollowedSession"]


def _kept(folder: Path) -> KeptSession:
    from llmdash.launch.kept_sessions import kept_session  # it loads much that no run under way needs here

    return kept_session(folder)


class FollowedSession(Session):
    """Shows the `engine` of the run in `folder`, and goes on with the kept run where that ends in order.

    So who reads goes on reading, whoever has ended the run. Until the journal is read the last frame stays.
    """

    def __init__(
        self, engine: OwnSession, folder: Path, open_kept: Callable[[Path], KeptSession] = _kept
    ) -> None:
        self._engine = engine
        self.folder = folder
        self._open_kept: Callable[[Path], KeptSession] | None = open_kept
        self._kept: KeptSession | None = None
        self._serial = 0
        """The serial of the last notice that the engine has sent."""
        self._end_seen = False
        """Whether a frame of the engine was shown after its end: the last notices come with it."""

    @property
    def crash(self) -> BaseException | None:
        """What broke the run, if anything; an engine that was killed counts."""
        return self._engine.crash

    @property
    def alive(self) -> bool:
        """True while the engine works or waits for commands."""
        return self._engine.alive

    def is_lost(self) -> bool:
        """Return True once the engine is gone without an end."""
        return not self._engine.alive and self._engine.crash is not None

    def start(self) -> None:
        """Start the run; later calls do nothing."""
        self._engine.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the engine's end, at most `timeout_s` seconds. Return True if it has ended."""
        return self._engine.join(timeout_s)

    def frame(self, view: View) -> Frame:
        kept = self._read_kept()
        if kept is None or not self._end_seen:
            self._end_seen = not self._engine.alive
            return self._seen(self._engine.frame(view))
        frame = kept.frame(replace(view, notices_after=max(0, view.notices_after - self._serial)))
        notices = (replace(notice, serial=notice.serial + self._serial) for notice in frame.notices)
        return replace(frame, notices=tuple(notices))

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None] | None:
        engine = self._engine
        return engine.when_changed(seen, call) if isinstance(engine, ChangingSession) else None

    def command(self, command: Command) -> None:
        kept = self._read_kept()
        (self._engine if kept is None else kept).command(command)

    def _seen(self, frame: Frame) -> Frame:
        self._serial = max((self._serial, *(notice.serial for notice in frame.notices)))
        return frame

    def _read_kept(self) -> KeptSession | None:
        """Return the kept run once it is read; it is opened when the engine has ended."""
        if self._kept is None and self._open_kept is not None and not self._engine.alive:
            with suppress(JournalError):  # its folder was deleted, perhaps: the last frame stays
                self._kept = self._open_kept(self.folder)
            self._open_kept = None
        return self._kept if self._kept is not None and self._kept.is_read else None
