"""The terminal driver: enters application mode, restores the terminal, stops and continues on signals."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size

from llmdash.terminal_reset import LEFT, PIXELS_OFF, POINTER
from llmdash.ui.terminal.lean_output import lean
from llmdash.ui.terminal.typed_input import TypedInput, WakingEvent
from llmdash.ui.terminal.writer import TerminalWriter

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

__all__ = ["BrowserDriver", "TerminalDriver"]

_CLOSE_WITHIN_S = 1.0
"""Seconds for which a terminal that does not read may delay the end."""
_ABANDON_WITHIN_S = 0.2
"""The same where the app was interrupted."""
_USUAL_SIZE = (80, 24)
_LARGEST_SIZE = (800, 300)
"""Columns and rows that are drawn on. A terminal that reports more is wrong about itself."""
_FOREGROUND_POLL_S = 0.2


class TerminalDriver(LinuxDriver):
    """Textual's driver, with five differences.

    What reads the keys sleeps while none is typed. Drawing never blocks on a terminal that does not read.
    Signals that stop and continue the process are handled between two steps of the event loop, not in the
    middle of one. What the terminal was switched to on demand (mouse positions in pixels, pointer shape) is
    reset as well. A size without rows or columns is ignored, and an absurd one is cut.
    """

    def __init__(self, app: App[Any], **how: Any) -> None:
        super().__init__(app, **how)
        if self._size is None:
            self._size = self._get_terminal_size()
        self._writer: TerminalWriter | None = None
        self._in_background = False
        self._pointer_changed = False
        self.gave_up = False
        """True if the terminal did not read its reset sequences in time; they were sent all the same."""
        self.exit_event: WakingEvent = WakingEvent()
        self.input_ended: Callable[[], None] = lambda: None
        """Called where nothing more can be typed: the terminal may be closed."""
        self._obey_signals()

    def _obey_signals(self) -> None:
        self._loop.add_signal_handler(signal.SIGTSTP, self.stop_process)
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)

    # Size.

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            found = tuple(os.get_terminal_size(self.fileno if self._file is None else self._file.fileno()))
        except OSError:
            found = (0, 0)
        return _usable(found, self._size or _USUAL_SIZE)

    def process_message(self, message: Message) -> None:
        if isinstance(message, Resize):
            size = Size(*_usable(message.size, self._size or _USUAL_SIZE))
            message = Resize(size, size, pixel_size=message.pixel_size)
        super().process_message(message)

    # Reading.

    def run_input_thread(self) -> None:
        TypedInput(self.fileno, self.process_message, self.exit_event, self._tell_ended).run()

    def _tell_ended(self) -> None:
        with suppress(RuntimeError):  # the app has ended meanwhile
            self._loop.call_soon_threadsafe(self.input_ended)

    # Writing.

    @property
    def behind(self) -> bool:
        """True while the terminal has not read all that was drawn, or while the process does not own it."""
        return self._writer is None or self._in_background or self._writer.behind

    def write(self, data: str) -> None:
        if self._writer is not None and not self._in_background:
            self._pointer_changed = self._pointer_changed or data.startswith("\x1b]22;")
            self._writer.write(lean(data))

    def _paint_anew_soon(self) -> None:
        with suppress(RuntimeError):  # the app has ended meanwhile
            self._loop.call_soon_threadsafe(self._paint_anew)

    def _paint_anew(self) -> None:
        self._app.refresh(layout=True)

    # Entering and leaving application mode.

    def start_application_mode(self) -> None:
        if self._writer is None and self._file is not None:
            self._writer = TerminalWriter(self._file.fileno(), self._paint_anew_soon)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def _disable_mouse_support(self) -> None:
        super()._disable_mouse_support()
        if self._mouse_pixels:
            self.write(PIXELS_OFF)

    def stop_application_mode(self) -> None:
        if self._writer is None or self._in_background:
            return
        if self._pointer_changed:
            self.write(POINTER)
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        self._writer_thread = None  # Textual's own, which nothing was written to
        self._close_writer(_CLOSE_WITHIN_S)

    def _close_writer(self, within_s: float) -> None:
        if self._writer is not None:
            self.gave_up = not self._writer.close(LEFT, within_s)
            self._writer = None

    def abandon(self) -> None:
        """Restore the terminal without the app, which was interrupted; does nothing where it is restored."""
        self.exit_event.set()
        if self._writer is None or self._in_background:
            return
        if self.attrs_before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        self._writer.write(POINTER + LEFT)
        self._close_writer(_ABANDON_WITHIN_S)

    # Stop and continue.

    def stop_process(self, *, group: bool = False) -> None:
        """Restore the terminal, stop this process, and enter application mode again when it is continued.

        With `group` the whole process group stops, as for Ctrl-Z in other programs: a shell waits for all of
        it. Without a shell that could continue the process it does not stop.
        """
        self.suspend_application_mode()
        for number in (signal.SIGTSTP, signal.SIGCONT):
            self._loop.remove_signal_handler(number)
        os.kill(0 if group else os.getpid(), signal.SIGTSTP)
        self._obey_signals()
        self._when_in_foreground(self._take_again)

    def _continued(self) -> None:
        """Enter application mode again: the process was stopped by SIGSTOP, so the terminal may be in any
        mode.
        """
        if self._writer is not None and not self._in_background:
            self._in_background = not self._in_foreground()
            self._when_in_foreground(self._take_again)

    def _take_again(self) -> None:
        self._in_background = False
        if self._writer is not None:
            self.suspend_application_mode()
        self.resume_application_mode()
        self._paint_anew()

    def _when_in_foreground(self, then: Callable[[], None]) -> None:
        """Call `then` at once; where a shell continued the process in the background, once it is in front."""
        if not self._app.is_running:
            return
        if self._in_foreground():
            then()
        else:
            asyncio.get_running_loop().call_later(_FOREGROUND_POLL_S, self._when_in_foreground, then)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # not a terminal that a shell controls
            return True


class BrowserDriver(TerminalDriver):
    """The driver of a terminal in a browser: there is no shell behind it, and no other program may take it.

    A pager or an editor would open this machine to the page.
    """

    @property
    def can_suspend(self) -> bool:
        return False

    def stop_process(self, *, group: bool = False) -> None:
        """Go on: nobody could continue the process."""


def _usable(size: tuple[int, ...], otherwise: tuple[int, int]) -> tuple[int, int]:
    """Return columns and rows that can be drawn on: those of `otherwise` where the terminal reports none."""
    columns, rows = (
        min(reported or usual, most)
        for reported, usual, most in zip(size, otherwise, _LARGEST_SIZE, strict=True)
    )
    return columns, rows
