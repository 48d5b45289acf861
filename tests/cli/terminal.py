"""A terminal of our own: a pty whose screen can be read, for what only a real terminal shows."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from llmdash.launch.engine_process import ENGINE
from tests.cli.drawn_screen import DrawnScreen
from tests.cli.modes import left_changed
from tests.waiting import PATIENCE_S, wait_for
from tests.warm.popen import WarmPopen

__all__ = ["Terminal", "end_engines", "engines", "wait_for_end"]

_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
"""A picture can be shown all at once: half of one is never looked at."""

_MODERN_ANSWERS = _ANSWERS | {b"\x1b[?2048$p": b"\x1b[?2048;2$y"}
"""And the size can be told in the stream of keys."""

_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
"""Around a picture that is to be shown all at once."""

_CUT_OFF_S = 2.0
"""After so long without a word a picture is never whole any more: its program was killed."""


class Terminal:
    """`llmdash` in a pty of `columns` x `rows`. `screen` is what a person would see now.

    `command` is run in place of llmdash, where given. A `modern` terminal can do all that it is asked
    for, so that everything a program may switch on is switched on. `reports` is the size that it tells,
    where that is not its own. The standard streams in `closed` are not open. At the end the engines of the
    runs that were begun end too, unless `ends_engines` is False.
    """

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        env: dict[str, str],
        columns: int = 120,
        rows: int = 36,
        command: Sequence[str] = (sys.executable, "-m", "llmdash"),
        modern: bool = False,
        reports: tuple[int, int] | None = None,
        closed: Sequence[int] = (),
        ends_engines: bool = True,
    ) -> None:
        self._ends_engines = ends_engines
        self._home = env.get("HOME", "")
        self._screen = DrawnScreen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._answers = _MODERN_ANSWERS if modern else _ANSWERS
        self._look: Callable[[], object] = lambda: None
        self._half_since: float | None = None
        self.raw = bytearray()
        self._taken = bytearray()
        self._fd, inner = pty.openpty()
        self._resize(inner, *(reports or (columns, rows)))
        self.before = termios.tcgetattr(inner)
        self._inner = inner
        self._gone = False
        self.process = WarmPopen(
            [*command, *map(str, arguments)],
            cwd=cwd,
            env={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **env},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            controls=True,
            closed=closed,
        )

    @staticmethod
    def _resize(fd: int, columns: int, rows: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a person who drags the window's corner does."""
        self._resize(self._inner, columns, rows)
        self._screen.resize(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def report(self, columns: int, rows: int) -> None:
        """Tell another size, without a change of what is shown."""
        self._resize(self._inner, columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def keys(self, text: str) -> None:
        """Type `text`."""
        os.write(self._fd, text.encode())

    def stop_run(self) -> None:
        """Quit the dashboard, and stop its run where that is not over."""
        self.keys("q")
        asked, left = "Leave the run?", ("The run is kept in", "Resume it with")
        self.wait_for(
            lambda screen: (
                asked in screen or any(words in screen for words in left) or self.process.poll() is not None
            )
        )
        if asked in self.screen:
            self.keys("\r")

    def click(self, column: int, row: int) -> None:
        """Click the left button at `column`, `row`, counted from 0."""
        self.keys(f"\x1b[<0;{column + 1};{row + 1}M\x1b[<0;{column + 1};{row + 1}m")

    @property
    def screen(self) -> str:
        """The screen's text."""
        return "\n".join(self._screen.display)

    def find(self, text: str) -> tuple[int, int]:
        """(column, row) where `text` stands."""
        for row, line in enumerate(self._screen.display):
            if (column := line.find(text)) >= 0:
                return column, row
        raise AssertionError(f"{text!r} is not on the screen:\n{self.screen}")

    def read(self, seconds: float = 0.05) -> None:
        """Take in what was written within `seconds`; what is there already, however late that is."""
        taken, self._taken = bytes(self._taken), bytearray()
        self._show(taken)
        until, is_late = time.monotonic() + seconds, False
        while not is_late:
            left = until - time.monotonic()
            is_late = left <= 0
            ready, _, _ = select.select([self._fd], [], [], max(0.0, left))
            if not ready:
                return
            try:
                piece = os.read(self._fd, 65536)
            except OSError:  # nobody has the other end open
                return
            self._show(piece)
            self._answer(piece)

    def take(self, seconds: float = 0.05) -> None:
        """Read now and show later: what a program says at its end is for a terminal that reads at once."""
        if select.select([self._fd], [], [], seconds)[0]:
            with suppress(OSError):  # nobody has the other end open
                piece = os.read(self._fd, 65536)
                self._taken += piece
                self._answer(piece)

    def _show(self, piece: bytes) -> None:
        """Feed the screen, and look at it wherever a picture is whole: the next may cover it."""
        while piece:
            begun = len(self.raw)
            self.raw += piece
            at = self.raw.find(_END, max(0, begun - len(_END) + 1))
            end = len(self.raw) if at < 0 else at + len(_END)
            shown, piece = piece[: end - begun], piece[end - begun :]
            del self.raw[end:]
            self._stream.feed(shown)
            last = self.raw[max(0, begun - len(_END) + 1) :]
            if last.rfind(_BEGIN) > last.rfind(_END) or (self._half_since is not None and _END not in last):
                self._half_since = time.monotonic()
            else:
                self._half_since = None
                self._look()

    def _answer(self, piece: bytes) -> None:
        for question, answer in self._answers.items():
            if question in piece:
                os.write(self._fd, answer)

    def fill(self) -> None:
        """Stop reading, with no room left in between: whatever the program writes has to wait from now on."""
        inner = os.open(os.ttyname(self._inner), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            while True:
                os.write(inner, b" " * 256)
        except BlockingIOError:
            pass
        finally:
            os.close(inner)

    def watch(self, seconds: float) -> None:
        """Read for so long and look at nothing: a terminal that costs next to no processor time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                self.raw += os.read(self._fd, 65536)

    def wait_for(self, condition: str | Callable[[str], bool]) -> str:
        """Read until the screen holds a text, or a condition on it holds; fails if it never does.

        Every picture is looked at, also one that the next has covered already. Gives what it showed.
        """
        holds = (lambda screen: condition in screen) if isinstance(condition, str) else condition
        found: list[str] = []

        def look() -> None:
            if not found and holds(screen := self.screen):
                found.append(screen)

        until = time.monotonic() + PATIENCE_S
        self._look = look
        try:
            while not found:
                assert time.monotonic() < until, f"waited in vain; the screen:\n{self.screen}"
                if self._half_since is None or time.monotonic() > self._half_since + _CUT_OFF_S:
                    look()
                if not found:
                    assert self.process.poll() is None or self._drained(), (
                        f"ended; the screen:\n{self.screen}"
                    )
                    self.read()
        finally:
            self._look = lambda: None
        return found[0]

    def _drained(self) -> bool:
        self.read(0.2)
        return True

    def wait(self) -> int:
        """Wait for the process to end; gives its exit code."""
        until = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < until, f"does not end; the screen:\n{self.screen}"
            self.take()
        known = -1
        while known != len(self.raw):
            known = len(self.raw)
            self.read(0.2)
        return int(self.process.returncode)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self._fd)
        os.close(self._inner)
        self._gone = True

    def wait_without_reading(self) -> int:
        """Wait for the end of a program whose terminal nobody reads; gives its exit code."""
        return int(self.process.wait(PATIENCE_S))

    @property
    def is_cooked(self) -> bool:
        """True if the terminal treats what is typed as it did at first."""
        return termios.tcgetattr(self._inner) == self.before

    @property
    def left_changed(self) -> list[str]:
        """All that is not as it was: modes, alternate screen, mouse, cursor, colours, keyboard, line mode."""
        return left_changed(bytes(self.raw)) + ([] if self.is_cooked else ["termios"])

    @property
    def is_clean(self) -> bool:
        """True if the terminal is as it was."""
        return not self.left_changed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self._ends_engines:
            end_engines(self._home)
        if not self._gone:
            os.close(self._fd)
            os.close(self._inner)


def engines(home: str) -> list[int]:
    """The processes of engines that were begun by the user of `home`."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            called = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if f"\0{ENGINE}\0".encode() in called and _is_of(folder, home):
                found.append(int(folder.name))
    return found


def end_engines(home: str) -> None:
    """Kill the engines of that user."""
    for engine in engines(home):
        with suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)


def wait_for_end(home: Path) -> None:
    """Wait until no engine of that user is left."""
    wait_for(lambda: not engines(str(home)), "the end of the run")


def _is_of(process: Path, home: str) -> bool:
    return f"HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0")
