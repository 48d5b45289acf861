"""ShownLines: the lines of a transcript as they are drawn, with the end of a live stream, or words in place
of a text that there is none of.
"""

from __future__ import annotations

from rich.cells import cell_len

from llmdash.engine.model.states import JobState
from llmdash.ui.stream.gap_lines import Ruler
from llmdash.ui.stream.transcript import Transcript
from llmdash.ui.stream.words import CARET, missing_text
from llmdash.ui.stream.wrapping import Kind, Line, Span, wrap

__all__ = ["ShownLines"]


class ShownLines:
    """Draws the lines of a transcript in a number of cells; what is fixed of it is not drawn again."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._text = transcript.text
        self._width = 1

    def configure(self, width: int, marks: bool, ruler: Ruler) -> None:
        """Set how the text is wrapped."""
        self._width = width
        self._text.configure(width, marks, ruler)

    def count(self) -> int:
        """Return the number of lines."""
        return self._text.last_text + len(self._tail())

    def window(self, top: int, height: int) -> list[Line]:
        """Return at most `height` lines from `top` on."""
        fixed = self._text.last_text
        lines = list(self._text.lines[top : min(fixed, top + height)])
        if top + height > fixed:
            lines += self._tail()[max(0, top - fixed) : top + height - fixed]
        return lines

    def _tail(self) -> list[Line]:
        """What stands in place of the last line of text: the same with the caret of a live stream, or words
        where there is no text.
        """
        part = self._transcript.part
        last = self._text.lines[self._text.last_text]
        if not self._transcript.chunks:
            words = missing_text(part)
            kind = Kind.ERROR if part.error and not part.state.in_flight else Kind.WORDS
            return [each for each, _row in wrap([Span(words, kind)], self._width)]
        width = sum(cell_len(span.text) for span in last)
        if part.state is JobState.STREAMING and width < self._width:
            return [(*last, Span(CARET, Kind.CARET)), *self._text.lines[self._text.last_text + 1 :]]
        return list(self._text.lines[self._text.last_text :])
