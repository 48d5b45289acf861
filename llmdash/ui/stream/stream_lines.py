"""StreamLines: the lines of a transcript, as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.cache import LRUCache
from textual.strip import Strip

from llmdash.ui.stream.searched_lines import SearchedLines
from llmdash.ui.stream.selected import with_selection
from llmdash.ui.stream.shown_lines import ShownLines
from llmdash.ui.stream.transcript import Transcript
from llmdash.ui.stream.wrapping import Kind, Line
from llmdash.ui.text.paint import line, regions
from llmdash.ui.text.scrolling import resize

__all__ = ["StreamLines"]

KEPT_STRIPS: Final = 512
SCROLLBAR_WIDTH: Final = 1
USUAL_WIDTH: Final = 80

STYLES: Final = {
    Kind.TEXT: "stream-pane--text",
    Kind.MARK: "stream-pane--mark",
    Kind.GAP: "stream-pane--gap",
    Kind.STALL: "stream-pane--stall",
    Kind.HEADING: "stream-pane--heading",
    Kind.NAME: "stream-pane--name",
    Kind.CARET: "stream-pane--caret",
    Kind.FOUND: "stream-pane--found",
    Kind.WORDS: "stream-pane--empty",
    Kind.THOUGHT: "stream-pane--thought",
    Kind.ERROR: "stream-pane--error",
}


class StreamLines(SearchedLines):
    """Draws the lines of a transcript that are on screen, and again only those that differ.

    | Component class | Styles |
    |---|---|
    | `stream-pane--text` | The text. |
    | `stream-pane--mark` | The bar behind a chunk. |
    | `stream-pane--gap` | The time before a chunk. |
    | `stream-pane--stall` | The same where the stream stalled. |
    | `stream-pane--name` | The job in the line over an answer. |
    | `stream-pane--heading` | The rest of that line. |
    | `stream-pane--caret` | The end of a live stream. |
    | `stream-pane--found` | What was searched for. |
    | `stream-pane--thought` | The word for chunks of reasoning. |
    | `stream-pane--empty` | The words shown while there is no text. |
    | `stream-pane--error` | Why there is none. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {*STYLES.values()}

    DEFAULT_CSS = """
    StreamLines {
        height: 1fr;
        overflow-y: hidden;
        &.-scrolled { overflow-y: auto; }
        & > .stream-pane--text { color: $foreground; }
        & > .stream-pane--mark { color: $text-accent; text-style: dim; }
        & > .stream-pane--gap { color: $border-blurred; }
        & > .stream-pane--stall { color: $text-warning; }
        & > .stream-pane--heading { color: $text-muted; }
        & > .stream-pane--name { color: $foreground; text-style: bold; }
        & > .stream-pane--caret { color: $text-primary; }
        & > .stream-pane--found { color: $background; background: $accent; text-style: bold; }
        & > .stream-pane--thought { color: $text-muted; text-style: italic; }
        & > .stream-pane--empty { color: $text-muted; }
        & > .stream-pane--error { color: $text-error; }
        &:nocolor > .stream-pane--found { text-style: reverse; }
    }
    """

    def __init__(self, title: str, *, name: str | None, id: str | None, classes: str | None) -> None:
        super().__init__(title, name=name, id=id, classes=classes)
        self._transcript = Transcript()
        self._text = self._transcript.text
        self._shown = ShownLines(self._transcript)
        self._follow = True
        self._strips: LRUCache[Line, Strip] = LRUCache(KEPT_STRIPS)
        self._painted: list[Line] = []

    @property
    def lines(self) -> Sequence[Line]:
        return self._text.lines

    def line_count(self) -> int:
        return self._shown.count()

    def _window(self) -> list[Line]:
        """The lines on screen, as they are drawn."""
        return self.searched(self._shown.window(self.top, self.content_size.height))

    def _lines_changed(self) -> None:
        """Repaint the lines that differ from what was painted last."""
        size = self.content_size
        if not self._follow:
            resize(self, self.line_count())
        wanted = self._window()
        wanted += [()] * (size.height - len(wanted))
        if len(wanted) != len(self._painted):
            self._painted = wanted
            self.refresh()
            return
        changed = [y for y, new in enumerate(wanted) if new != self._painted[y]]
        self._painted = wanted
        if changed:
            self.refresh(*regions(changed, size.width))

    @property
    def _text_width(self) -> int:
        """The width for text; the scrollbar's column stays free, so that showing it does not rewrap the text.

        Before the first layout a usual width: wrapping a long answer at each character would take seconds.
        """
        room = self.content_size.width
        return max(1, room - SCROLLBAR_WIDTH) if room else USUAL_WIDTH

    @property
    def _last_top(self) -> int:
        return max(0, self.line_count() - self.content_size.height)

    @property
    def top(self) -> int:
        """The first visible line."""
        return self._last_top if self._follow else min(self._last_top, self.scroll_offset.y)

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width - (SCROLLBAR_WIDTH if self.show_vertical_scrollbar else 0)
        plain = self._styles_kept.get("stream-pane--text")
        if not self._painted:
            self._painted = self._window()
        spans = self._painted[y] if y < len(self._painted) else ()
        strip = self._strips.get(spans)
        if strip is None or strip.cell_length != width:
            pieces = [(span.text, self._styles_kept.get(STYLES[span.kind])) for span in spans]
            strip = self._strips[spans] = line(pieces, width, plain)
        return with_selection(self, strip, self.top + y)
