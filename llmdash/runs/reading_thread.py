"""ReadingThread: reads a journal beside the thread that shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llmdash.engine.journal.file import JournalError

__all__ = ["ReadingThread"]


class ReadingThread:
    """Calls `read`, once, on a thread of its own.

    `problem` is what a JournalError says that it raised, empty without one; any other exception is in
    `crash`.
    """

    def __init__(self, read: Callable[[], None], name: str) -> None:
        self.problem = ""
        self.crash: BaseException | None = None
        self._read = read
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read; later calls do nothing. May be called from any thread."""
        with self._guard:
            if self._thread.ident is None:
                self._thread.start()

    def ended(self, timeout_s: float | None = None) -> bool:
        """Read, and wait for the end, at most `timeout_s` seconds. Return True if it is reached."""
        self.start()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._read()
        except JournalError as error:
            self.problem = str(error)
        except BaseException as crash:  # noqa: BLE001 - the thread's one boundary: the front end reads `crash`
            self.crash = crash
