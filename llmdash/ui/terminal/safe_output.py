"""The last filter before the terminal: no text of a widget, border or toast can control it."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from llmdash.sanitize import clean_line

__all__ = ["ControlCharacters"]


class ControlCharacters(LineFilter):
    """Makes control characters in painted text visible; segments that are control codes of the app stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(text.isprintable() for text, _style, _control in segments):
            return segments
        return [
            segment if segment.control or segment.text.isprintable() else _cleaned(segment)
            for segment in segments
        ]


def _cleaned(segment: Segment) -> Segment:
    return Segment(clean_line(segment.text), segment.style, None)
