"""RemoteSession: a session whose engine is in another process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from llmdash import __version__
from llmdash.engine.model.commands import Command
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame, Inspection
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState, Severity
from llmdash.engine.model.view import View
from llmdash.remote.addresses import engine_of, go_on_command, not_running, reach
from llmdash.remote.codec import (
    SHAPE,
    AwaitMessage,
    ChangedMessage,
    EndMessage,
    FrameMessage,
    FromEngine,
    HelloMessage,
    NoticeMessage,
    RefusalMessage,
    ViewMessage,
    WelcomeMessage,
    command_message,
)
from llmdash.remote.connection import EngineConnection
from llmdash.remote.fitting import fitted, same_question
from llmdash.remote.notices import NoticeLog

__all__ = ["EngineGoneError", "RemoteSession"]

_ANSWERS_WITHIN_S: Final = 10.0
"""Seconds that an engine has to welcome a viewer."""
_TICK_S: Final = 0.005
"""Seconds that a frame is waited for where nothing but time has passed; a round trip takes a fifth of it."""
_KEY_S: Final = 0.05
"""The same after a key press, where the view or a command is new."""
_QUESTION_S: Final = 2.0
"""The same for what cannot be shown later."""
_COMMAND_S: Final = 10.0
"""Seconds that an engine has to read a command before the viewer leaves: later, it would be lost."""
_MOST_OPEN: Final = 3
"""Views under way at most."""
_LOOK_S: Final = 0.05


class EngineGoneError(Exception):
    """The engine is gone without a word of its end, or broke; the text says which, and how to go on."""


class RemoteSession(Session):
    """The session of an engine in another process.

    `frame` waits a moment for the answer; where the engine is slower, it returns the frame received last, and
    the answer is returned by a later call. It is always a frame of this run.
    """

    def __init__(
        self, folder: Path, connection: EngineConnection, welcome: WelcomeMessage, *, has_time: bool = False
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._welcome = welcome
        self._has_time = has_time
        self._guard = threading.Lock()
        self._frame: Frame | None = None
        self._answers = View()
        """The view that the frame at hand answers."""
        self._open: dict[int, View] = {}
        self._number = 0
        self._asked: View | None = None
        self._commanded = False
        self._unread_since: int | None = None
        """The number of the last view before a command that the engine may not have read; None if it has."""
        self._awaits: int | None = None
        """What was seen when the engine was asked to tell of more, until it does; None where it is not to."""
        self._inspection: Inspection | None = None
        self._notices = NoticeLog()
        self._end: EndMessage | None = None
        self._closed = False
        self.crash: BaseException | None = None
        """What broke the run, if anything; an engine that is gone without a word is an EngineGoneError."""

    @classmethod
    def attach(cls, folder: Path, *, read_only: bool = False, watches: bool = True) -> Self:
        """Return a session on the engine of the run in `folder`.

        `watches` is False for a script, which does not count as a viewer and has time to wait for a frame.
        Raises NotRunningError.
        """
        connected, token = reach(folder)
        connection = EngineConnection(connected)
        try:
            connection.send(HelloMessage(__version__, SHAPE, token, read_only, watches))
            session = cls(folder, connection, _welcomed(folder, connection), has_time=not watches)
            session._first_frame()
        except BaseException:  # an interrupt, too, must not leave it open; it is raised again
            connection.close()
            raise
        return session

    # The session.

    def frame(self, view: View) -> Frame:
        with self._guard:
            self._receive()
            if self._is_open:
                number = self._ask(view)
                self._await(number, time.monotonic() + self._patience_s(view))
                self._asked, self._commanded = view, False
            return self._handed(view)

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None] | None:
        with self._guard:
            if not self._is_open:
                return None
            if seen != self._awaits:
                self._connection.send(AwaitMessage(seen))
                self._awaits = seen
            return self._connection.when_readable(call)

    def command(self, command: Command) -> None:
        with self._guard:
            if self._is_open:
                self._connection.send(command_message(command))
                self._commanded = True
                self._unread_since = self._number

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice to this viewer alone."""
        with self._guard:
            self._notices.add(severity, words)

    # The engine.

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._folder

    @property
    def pid(self) -> int:
        """The engine's process."""
        return self._welcome.pid

    @property
    def allows_bad_lines(self) -> bool:
        """True if a run that left input lines out counts as complete."""
        return self._welcome.allows_bad_lines

    @property
    def alive(self) -> bool:
        """True while the engine works or waits for commands."""
        with self._guard:
            self._receive()
            return self._is_open

    @property
    def ending(self) -> Ending | None:
        """How the run ended; None before, and where nobody knows."""
        name = self._end.ending if self._end is not None else None
        return Ending.__members__.get(name) if name is not None else None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the engine; None before its end, and where nobody knows it."""
        return self._end.exit_code if self._end is not None else None

    def start(self) -> None:
        """Do nothing: whoever started the engine has started the run."""

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most `timeout_s` seconds. Return True if the session has ended."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while self.alive:
            left_s = _LOOK_S if end is None else min(_LOOK_S, end - time.monotonic())
            if left_s <= 0:
                return False
            self._connection.wait(left_s)
        return True

    def close(self) -> None:
        """Leave, once the engine has read the last command; the run goes on."""
        with self._guard:
            self._closed = True
            if self._unread_since is None:
                self._connection.close()
            else:
                self._connection.close(_COMMAND_S)

    # Messages.

    @property
    def _is_open(self) -> bool:
        return not self._connection.lost

    def _first_frame(self) -> None:
        end = time.monotonic() + _ANSWERS_WITHIN_S
        number = self._ask(View())
        while self._frame is None and self._is_open and time.monotonic() < end:
            self._await(number, end)
        if self._frame is None:
            said = str(self.crash) if self.crash is not None else "its engine has just ended"
            raise not_running(self._folder, _silent(self._folder) if self._is_open else said)

    def _ask(self, view: View) -> int:
        """Ask for a frame, unless the engine owes too many; return the number of the answer to wait for."""
        if len(self._open) < _MOST_OPEN:
            self._number += 1
            self._open[self._number] = view
            self._connection.send(
                ViewMessage(self._number, replace(view, notices_after=self._notices.received))
            )
        return self._number

    def _await(self, number: int, end: float) -> None:
        while number in self._open and self._is_open and (left_s := end - time.monotonic()) > 0:
            self._connection.wait(left_s)
            self._receive()

    def _patience_s(self, view: View) -> float:
        if self._has_time or view.failed_as is not None:
            return _QUESTION_S
        if self._commanded or self._asked is None or not same_question(self._asked, view):
            return _KEY_S
        return _TICK_S if len(self._open) == 1 else 0.0

    def _receive(self) -> None:
        if not self._is_open:
            return
        for message in self._connection.received():
            self._take(message)
        if self._end is not None:
            self._connection.drop()
        if self._connection.lost and not self._is_explained:
            what = "is gone" if self._connection.is_understood else "has sent what cannot be read"
            self._engine_gone(f"the engine (process {self.pid}) {what}")

    @property
    def _is_explained(self) -> bool:
        """True if the end of the connection is no surprise."""
        has_ended = self._frame is not None and self._frame.run.state.ended
        return self._closed or self._end is not None or self.crash is not None or has_ended

    def _take(self, message: FromEngine) -> None:
        match message:
            case FrameMessage():
                self._take_frame(message)
            case ChangedMessage():
                self._awaits = None
            case NoticeMessage(severity, text):
                self._notices.add(severity, text)
            case RefusalMessage(text):
                self._engine_gone(text)
            case EndMessage():
                self._end = message
                if message.crash is not None:
                    self.crash = EngineGoneError(message.crash)

    def _take_frame(self, message: FrameMessage) -> None:
        frame = message.frame
        if message.same_inspection:
            frame = replace(frame, inspection=self._inspection)
        self._frame, self._inspection = frame, frame.inspection
        self._answers = self._open.get(message.number, self._answers)
        self._open = {number: view for number, view in self._open.items() if number > message.number}
        if self._unread_since is not None and message.number > self._unread_since:
            self._unread_since = None
        self._notices.receive(frame.notices)

    def _engine_gone(self, text: str) -> None:
        """Show in the frame at hand that nothing goes on, and why."""
        self.crash = EngineGoneError(text)
        self._notices.add(Severity.ERROR, f"{text}; go on with: {go_on_command(self._folder)}")
        if self._frame is not None and not self._frame.run.state.ended:
            run = replace(self._frame.run, state=RunState.STOPPED, state_detail=text, ends_in_s=None)
            self._frame = replace(self._frame, run=run)

    def _handed(self, view: View) -> Frame:
        assert self._frame is not None  # noqa: S101 - `attach` waits for the first one
        return replace(
            fitted(self._frame, self._answers, view), notices=self._notices.after(view.notices_after)
        )


def _welcomed(folder: Path, connection: EngineConnection) -> WelcomeMessage:
    """Return the engine's first message. Raises NotRunningError."""
    end = time.monotonic() + _ANSWERS_WITHIN_S
    while not connection.lost and (left_s := end - time.monotonic()) > 0:
        connection.wait(left_s)
        for message in connection.received():
            if isinstance(message, RefusalMessage):
                raise not_running(folder, message.text)
            if isinstance(message, WelcomeMessage):
                return message
    raise not_running(folder) if connection.lost else not_running(folder, _silent(folder))


def _silent(folder: Path) -> str:
    return f"its engine (process {engine_of(folder).pid}) does not answer; is it stopped?"
