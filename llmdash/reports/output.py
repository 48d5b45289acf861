"""A stream to write to that may go away, or not know every character, without ending the run."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["Output"]


class Output:
    """Writes text to `stream`; once its reader has gone, everything else is dropped silently.

    A batch is worth more than its log: `llmdash run ... | head` goes on after `head` has ended. `gone` tells.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.gone = False
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"

    def line(self, text: str) -> None:
        """Writes one line (or several, if `text` holds line feeds) and flushes. `text` has been cleaned."""
        self.write(text + "\n")
        self.flush()

    def write(self, text: str) -> int:
        """Writes text; a character the stream's encoding lacks becomes `?`."""
        if not self.gone:
            try:
                self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
            except (OSError, ValueError):  # ValueError: the stream was closed
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Hands over what was written."""
        if not self.gone:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def isatty(self) -> bool:
        """True while a terminal reads along."""
        return not self.gone and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor beneath; raises OSError if there is none."""
        return self._stream.fileno()

    def _give_up(self) -> None:
        """Points the descriptor at nothing, or Python's own last flush would fail and spoil the exit code."""
        self.gone = True
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, descriptor)
        os.close(nothing)
