"""A terminal that only notes down what it is sent, and when: it is looked at later, when nothing waits."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.cli.terminal import Terminal, engines
from tests.waiting import wait_for

__all__ = ["Pressed", "RecordedTerminal"]

_PIECE = 65_536


Lines = Sequence[str]
"""What a screen shows."""


class Pressed(NamedTuple):
    """A key: when it was pressed on the monotonic clock, what tells by the screen before it and a later one
    that its effect is there.
    """

    at: float
    shows: Callable[[Lines, Lines], bool]


class RecordedTerminal(Terminal):
    """`llmdash` in a pty that a thread reads as fast as it writes, or `bytes_per_s` where that is given."""

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        env: dict[str, str],
        bytes_per_s: float = 0.0,
        command: Sequence[str] = (sys.executable, "-m", "llmdash"),
    ) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self._bytes_per_s = bytes_per_s
        self._ends = threading.Event()
        self.folder = cwd
        self._env_home = env["HOME"]
        self.begun = time.monotonic()
        super().__init__(*arguments, cwd=cwd, env=env, command=command)
        self._reader = threading.Thread(target=self._note, daemon=True)
        self._reader.start()

    def _note(self) -> None:
        most = int(self._bytes_per_s / 20) or _PIECE
        while not self._ends.is_set():
            if not select.select([self._fd], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(self._fd, most)
            except OSError:
                return
            self.pieces.append((time.monotonic(), piece))
            if self._bytes_per_s:
                self._ends.wait(len(piece) / self._bytes_per_s)

    def stop_reading(self) -> None:
        """Note down nothing more."""
        self._ends.set()
        self._reader.join()

    def shows(self, *texts: str) -> bool:
        """Return whether the screen shows all these texts by now."""
        screen = pyte.Screen(self._screen.columns, self._screen.lines)
        stream = pyte.ByteStream(screen)
        for _, piece in [*self.pieces]:
            stream.feed(piece)
        return all(text in "\n".join(screen.display) for text in texts)

    @property
    def size(self) -> int:
        """The bytes that were sent so far."""
        return sum(len(piece) for _, piece in self.pieces)

    @property
    def engine(self) -> int:
        """The process of the engine, once there is one."""
        wait_for(lambda: engines(self._env_home), "the engine")
        return engines(self._env_home)[0]

    def press(self, key: str, shows: Callable[[Lines, Lines], bool]) -> Pressed:
        """Press a key, whose effect `shows` tells from the screens before and after it."""
        at = time.monotonic()
        self.keys(key)
        return Pressed(at, shows)

    def shown_after(self, presses: Sequence[Pressed]) -> list[float]:
        """Return the seconds from each key to the first picture that shows its effect, infinite where none
        came before the next key.
        """
        screen = pyte.Screen(120, 36)
        stream = pyte.ByteStream(screen)
        pieces = deque(self.pieces)
        taken: list[float] = []
        for press, end in zip(presses, [*(each.at for each in presses[1:]), inf], strict=True):
            while pieces and pieces[0][0] < press.at:
                stream.feed(pieces.popleft()[1])
            before, shown = list(screen.display), inf
            while pieces and pieces[0][0] < end and shown == inf:
                at, piece = pieces.popleft()
                stream.feed(piece)
                if press.shows(before, screen.display):
                    shown = at - press.at
            taken.append(shown)
        return taken
