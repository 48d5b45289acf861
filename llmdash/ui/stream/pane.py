"""StreamPane: the stream of a job as it arrives, chunk by chunk."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.view import StreamView
from llmdash.ui.stream.text import Chunk, Kind, Line, StreamText
from llmdash.ui.stream.words import heading, joined, title_pieces
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import Styles, line, regions
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["StreamPane"]

KEPT_STRIPS: Final = 512
SCROLLBAR_WIDTH: Final = 1
USUAL_WIDTH: Final = 80
WHEEL_LINES: Final = 3
SCROLLED: Final = "-scrolled"

STYLES: Final = {
    Kind.TEXT: "stream-pane--text",
    Kind.MARK: "stream-pane--mark",
    Kind.GAP: "stream-pane--gap",
    Kind.STALL: "stream-pane--stall",
    Kind.HEADING: "stream-pane--heading",
}


class StreamPane(ScrollView, can_focus=True):
    """Shows the text of a job, with `|` between its chunks; follows new text until scrolled up.

    Without a job to watch it is a transcript: one answer after the other, each under a heading with its job.
    While scrolled up, the pane stays with its job, even if a newer one starts.

    | Key | Does |
    |---|---|
    | up, down, pageup, pagedown, home | Scroll, and stop following. |
    | end | Follow again. |
    | b | Marks between the chunks, on or off. |
    | t | Gap times: the milliseconds before each chunk, and `‖` where the stream stalled; on or off. |

    | Component class | Styles |
    |---|---|
    | `stream-pane--text` | The text. |
    | `stream-pane--mark` | The mark between two chunks. |
    | `stream-pane--gap` | The time before a chunk. |
    | `stream-pane--stall` | The same where the stream stalled. |
    | `stream-pane--heading` | The line over an answer. |
    | `stream-pane--empty` | The words shown while there is no text. |
    """

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False, tooltip="Scroll back and hold the text still"),
        Binding("down", "scroll_lines(1)", "Down", show=False, tooltip="A line down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, tooltip="A screenful back"),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("home", "first_line", "Top", show=False, tooltip="The oldest text held"),
        Binding("end", "follow", "Follow", tooltip="Follow the newest text again", id="stream-follow"),
        Binding("b", "toggle_marks", "Chunk marks", tooltip="| between chunks, on or off"),
        Binding("t", "toggle_ruler", "Gap times", tooltip="Milliseconds before each chunk, on or off"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {*STYLES.values(), "stream-pane--empty"}

    DEFAULT_CSS = """
    StreamPane {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: hidden;
        scrollbar-size-vertical: 1;
        &.-scrolled { overflow-y: auto; }
        & > .stream-pane--text { color: $foreground; }
        & > .stream-pane--mark { color: $text-accent; text-style: dim; }
        & > .stream-pane--gap { color: $text-muted; }
        & > .stream-pane--stall { color: $text-warning; text-style: bold; }
        & > .stream-pane--heading { color: $text-muted; text-style: dim; }
        & > .stream-pane--empty { color: $text-muted; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles_kept = Styles(self)
        self._text = StreamText()
        self._part = StreamPart()
        self._job: int | None = None
        self._watched: int | None = None
        self._attempt = 0
        self._seen = 0
        """The number of chunks received of the current attempt."""
        self._follow = True
        self._marks = True
        self._ruler = False
        self._strips: LRUCache[Line, Strip] = LRUCache(KEPT_STRIPS)
        self._painted: list[Line] = []
        self._heading = ""
        self._title = ""
        self._show_title()

    # The interface to the screen.

    @property
    def follow(self) -> bool:
        """Whether new text scrolls into view."""
        return self._follow

    @property
    def job(self) -> int | None:
        """The job whose text is held."""
        return self._job

    @property
    def text(self) -> str:
        """The text that is held, without marks, safe to show."""
        return self._text.plain

    def wanted(self) -> StreamView:
        """Return the stream to request from the session."""
        held = self._job if not self._follow else None
        return StreamView(
            job=self._watched if self._watched is not None else held,
            seen_job=self._job,
            seen_attempt=self._attempt,
            seen=self._seen,
        )

    def watch_job(self, job: int | None) -> None:
        """Show the stream of this job from now on, or one answer after the other (None)."""
        if job != self._watched:
            self._watched = job
            self._set_follow(True)
            self._begin(StreamPart())

    def show(self, part: StreamPart) -> None:
        """Add new chunks; another answer is appended in a transcript, else it replaces the current one."""
        if part == self._part:
            return
        if (part.job, part.attempt) != (self._job, self._attempt) or (part.start == 0 and self._seen > 0):
            self._begin(part)
        self._part = part
        self._take(part)
        self._name_answer()
        self._show_title()
        self._lines_changed()

    # New text.

    def _begin(self, part: StreamPart) -> None:
        """Switch to the text of another job, or another attempt."""
        self._job, self._attempt, self._seen, self._heading = part.job, part.attempt, part.start, ""
        if self._watched is not None or part.job is None:
            self._text.clear()
            self._part = StreamPart()

    def _name_answer(self) -> None:
        """Update the heading of the last answer."""
        if self._heading and (text := heading(self._part)) != self._heading:
            self._heading = text
            self._text.rename(text)

    def _take(self, part: StreamPart) -> None:
        """Append the chunks not held yet: a reply to an older view repeats some."""
        held = max(0, self._seen - part.start)
        chunks = [Chunk(text, gap) for text, gap in zip(part.chunks, part.gaps, strict=True)][held:]
        self._text.configure(self._text_width, self._marks, self._ruler)
        if not chunks:
            return
        self._seen += len(chunks)
        if self._watched is None and not self._heading and part.start == 0:
            self._heading = heading(part)
            self._text.head(self._heading)
        self._text.add(chunks)

    def _lines_changed(self) -> None:
        """Repaint the lines that differ from what was painted last."""
        size = self.content_size
        if not self._follow:
            resize(self, len(self._text.lines))
        top = self._top
        wanted = list(self._text.lines[top : top + size.height])
        wanted += [()] * (size.height - len(wanted))
        if len(wanted) != len(self._painted) or self._is_empty:
            self._painted = wanted
            self.refresh()
            return
        changed = [y for y, new in enumerate(wanted) if new != self._painted[y]]
        self._painted = wanted
        if changed:
            self.refresh(*regions(changed, size.width))

    @property
    def _is_empty(self) -> bool:
        return len(self._text.lines) == 1 and not self._text.lines[0]

    @property
    def _text_width(self) -> int:
        """The width for text; the scrollbar's column stays free, so that showing it does not rewrap the text.

        Before the first layout a usual width: wrapping a long answer at each character would take seconds.
        """
        room = self.content_size.width
        return max(1, room - SCROLLBAR_WIDTH) if room else USUAL_WIDTH

    @property
    def _last_top(self) -> int:
        return max(0, len(self._text.lines) - self.content_size.height)

    @property
    def _top(self) -> int:
        """The first visible line."""
        return self._last_top if self._follow else min(self._last_top, self.scroll_offset.y)

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_kept.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        self._rewrap()

    def _rewrap(self) -> None:
        self._text.configure(self._text_width, self._marks, self._ruler)
        self._strips.clear()
        self._painted = []
        self._lines_changed()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width - (SCROLLBAR_WIDTH if self.show_vertical_scrollbar else 0)
        plain = self._styles_kept.get("stream-pane--text")
        if self._is_empty:
            words = self._empty_words() if y == 0 else ""
            return line([(words, self._styles_kept.get("stream-pane--empty"))], width, plain)
        index = self._top + y
        if index >= len(self._text.lines):
            return Strip.blank(width, plain)
        spans = self._text.lines[index]
        strip = self._strips.get(spans)
        if strip is None or strip.cell_length != width:
            pieces = [(span.text, self._styles_kept.get(STYLES[span.kind])) for span in spans]
            strip = self._strips[spans] = line(pieces, width, plain)
        return strip

    def _empty_words(self) -> str:
        if self._job is None:
            return "no stream yet"
        return "no text" if self._part.state.ended else "waiting for the first chunk"

    def _show_title(self) -> None:
        pieces = ["Stream", *title_pieces(self._part, alone=self._watched is not None)]
        if not self._follow:
            pieces.append("scrolled, End follows")
        elif self._watched is None:
            pieces.append("follow")
        text = joined(pieces)
        if text != self._title:
            self._title = text
            self.border_title = Content(text)

    # Keys and wheel.

    def action_scroll_lines(self, lines: int) -> None:
        self._go(self._top + lines)

    def action_scroll_pages(self, pages: int) -> None:
        self._go(self._top + pages * max(1, self.content_size.height - 1))

    def action_first_line(self) -> None:
        self._go(0)

    def action_follow(self) -> None:
        self._set_follow(True)

    def action_toggle_marks(self) -> None:
        self._marks = not self._marks
        self._rewrap()

    def action_toggle_ruler(self) -> None:
        self._ruler = not self._ruler
        self._rewrap()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self._go(self._top - WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self._go(self._top + WHEEL_LINES)

    def _go(self, top: int) -> None:
        """Scroll to line `top`; past the end means to follow."""
        if top >= self._last_top:
            self._set_follow(True)
            return
        self._set_follow(False)
        jump(self, top)
        self._lines_changed()

    def _set_follow(self, follow: bool) -> None:
        if follow != self._follow:
            top = self._top
            self._follow = follow
            self.set_class(not follow, SCROLLED)
            if not follow:
                resize(self, len(self._text.lines))
                jump(self, top)
            self._show_title()
            self._lines_changed()
