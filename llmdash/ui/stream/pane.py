"""StreamPane: the stream of a job as it arrives, chunk by chunk."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import StreamView
from llmdash.ui.stream.search_line import SearchLine
from llmdash.ui.stream.selected import selected_text, with_selection
from llmdash.ui.stream.text import Ruler
from llmdash.ui.stream.transcript import Transcript
from llmdash.ui.stream.words import CARET, missing_text, short_heading
from llmdash.ui.stream.wrapping import Kind, Line, Span, wrap
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.paint import Styles, line, regions
from llmdash.ui.text.panel_border import PanelBorder
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["StreamPane"]

KEPT_STRIPS: Final = 512
SCROLLBAR_WIDTH: Final = 1
USUAL_WIDTH: Final = 80
WHEEL_LINES: Final = 3
SCROLLED: Final = "-scrolled"
LEAST_HEADED: Final = 4
"""Lines below which the heading of the answer stands on the border, and one answer replaces the other."""
RULERS: Final = {
    Ruler.HEIGHTS: "| chunk  ▂ the gap before it  █ 0.26s a stall",
    Ruler.TIMES: "| chunk  24 the gap before it in ms",
    Ruler.NONE: "| chunk",
}
"""What the signs mean."""

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


class StreamPane(ScrollView, can_focus=True):
    """Shows the text of a job, with `|` behind its chunks; follows new text until scrolled up.

    Without a job to watch it is a transcript: one answer after the other, each under a heading with its job.
    While scrolled up, the pane stays with its job, even if a newer one starts.

    | Key | Does |
    |---|---|
    | up, down, pageup, pagedown, home | Scroll, and stop following. |
    | end | Follow again. |
    | b | Bars behind the chunks, on or off. |
    | t | What stands below the bars: the gaps as heights, in milliseconds, or nothing. |
    | / | Search; n and N go on to the next and the previous line, escape ends it. |

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

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False, tooltip="Scroll back and hold the text still"),
        Binding("down", "scroll_lines(1)", "Down", show=False, tooltip="A line down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, tooltip="A screenful back"),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("home", "first_line", "Top", show=False, tooltip="The oldest text held"),
        Binding("end", "follow", "Follow", tooltip="Follow the newest text again", id="stream-follow"),
        Binding("b", "toggle_marks", "Bars", id="stream-bars", tooltip="| behind each chunk, on or off"),
        Binding(
            "t",
            "next_ruler",
            "Gap times",
            id="stream-gaps",
            tooltip="Gaps as heights, in milliseconds, or not at all",
        ),
        Binding("slash", "search", "Search", tooltip="Find words in the text that is held"),
        Binding("n", "found(1)", "Next found", show=False, tooltip="The next line with what is searched for"),
        Binding("N", "found(-1)", "Previous found", show=False, tooltip="The line before with it"),
        Binding("escape", "end_search", "End search", show=False, tooltip="Search for nothing any more"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {*STYLES.values()}

    DEFAULT_CSS = """
    StreamPane {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: hidden;
        scrollbar-size-vertical: 1;
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

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles_kept = Styles(self)
        self._transcript = Transcript()
        self._text = self._transcript.text
        self._follow = True
        self._marks = True
        self._ruler = Ruler.HEIGHTS
        self._search = SearchLine()
        self._strips: LRUCache[Line, Strip] = LRUCache(KEPT_STRIPS)
        self._painted: list[Line] = []
        self._border = PanelBorder(self, "Stream")
        self._show_border()

    # The interface to the screen.

    @property
    def follow(self) -> bool:
        """Whether new text scrolls into view."""
        return self._follow

    @property
    def looks(self) -> tuple[bool, Ruler]:
        """Whether there are bars behind chunks, and what stands below them."""
        return self._marks, self._ruler

    @property
    def job(self) -> int | None:
        """The job whose text is held."""
        return self._transcript.job

    @property
    def text(self) -> str:
        """The text that is held, without marks, safe to show."""
        return self._text.plain

    @property
    def is_typed_into(self) -> bool:
        """True while keys are letters of what is searched for."""
        return self._search.is_typed

    def wanted(self) -> StreamView:
        """Return the stream to request from the session."""
        return self._transcript.wanted(stays=not self._follow)

    def watch_job(self, job: int | None) -> None:
        """Show the stream of this job from now on, or one answer after the other (None)."""
        if job != self._transcript.watched:
            self._transcript.watch(job)
            self._set_follow(True)
            self._lines_changed()

    def show(self, part: StreamPart) -> None:
        """Add new chunks; another answer is appended in a transcript, else it replaces the current one."""
        self._configure()
        if self._transcript.take(part):
            self._show_border()
            self._lines_changed()

    # Lines.

    def _configure(self) -> None:
        self._text.configure(self._text_width, self._marks, self._ruler)
        height = self.content_size.height
        if height:
            self._transcript.use_headings(height >= LEAST_HEADED)

    @property
    def _tail(self) -> list[Line]:
        """What stands in place of the last line of text: the same with the caret of a live stream, or words
        where there is no text.
        """
        part = self._transcript.part
        last = self._text.lines[self._text.last_text]
        if not self._transcript.chunks:
            words = missing_text(part)
            kind = Kind.ERROR if part.error and not part.state.in_flight else Kind.WORDS
            return [each for each, _row in wrap([Span(words, kind)], self._text_width)]
        width = sum(cell_len(span.text) for span in last)
        if part.state is JobState.STREAMING and width < self._text_width:
            return [(*last, Span(CARET, Kind.CARET)), *self._text.lines[self._text.last_text + 1 :]]
        return list(self._text.lines[self._text.last_text :])

    @property
    def _line_count(self) -> int:
        return self._text.last_text + len(self._tail)

    def _shown_lines(self, top: int, height: int) -> list[Line]:
        """Return the lines from `top` on, as they are drawn."""
        fixed = self._text.last_text
        lines = list(self._text.lines[top : min(fixed, top + height)])
        if top + height > fixed:
            lines += self._tail[max(0, top - fixed) : top + height - fixed]
        search = self._search.search
        return [search.highlighted(each) for each in lines] if search is not None else lines

    def _lines_changed(self) -> None:
        """Repaint the lines that differ from what was painted last."""
        size = self.content_size
        if not self._follow:
            resize(self, self._line_count)
        wanted = self._shown_lines(self._top, size.height)
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
        return max(0, self._line_count - self.content_size.height)

    @property
    def _top(self) -> int:
        """The first visible line."""
        return self._last_top if self._follow else min(self._last_top, self.scroll_offset.y)

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_kept.clear()
        self._strips.clear()
        self._border.draw()

    def on_resize(self) -> None:
        self._rewrap()

    def _rewrap(self) -> None:
        self._configure()
        self._strips.clear()
        self._painted = []
        self._show_border()
        self._lines_changed()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width - (SCROLLBAR_WIDTH if self.show_vertical_scrollbar else 0)
        plain = self._styles_kept.get("stream-pane--text")
        if not self._painted:
            self._painted = self._shown_lines(self._top, self.content_size.height)
        spans = self._painted[y] if y < len(self._painted) else ()
        strip = self._strips.get(spans)
        if strip is None or strip.cell_length != width:
            pieces = [(span.text, self._styles_kept.get(STYLES[span.kind])) for span in spans]
            strip = self._strips[spans] = line(pieces, width, plain)
        return with_selection(self, strip, self._top + y)

    def _show_border(self) -> None:
        part, width = self._transcript.part, self.content_size.width
        if not self._follow:
            how = "scrolled · End follows"
        elif 0 < self.content_size.height < LEAST_HEADED and part.job is not None:
            how = short_heading(part)
        elif self._transcript.watched is not None:
            how = "job under the cursor"
        else:
            how = "following newest"
        legend = RULERS[self._ruler] if self._marks and width >= len(RULERS[self._ruler]) + 8 else ""
        self._border.show("Stream", how, self._search.words or legend)

    # Selection.

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is selected of the text, without marks and gaps."""
        return selected_text(self._text.lines, self._text.rows, selection), "\n"

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

    def action_next_ruler(self) -> None:
        rulers = list(RULERS)
        self._ruler = rulers[(rulers.index(self._ruler) + 1) % len(rulers)]
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
                resize(self, self._line_count)
                jump(self, top)
            self._show_border()
            self._lines_changed()

    # Search.

    def action_search(self) -> None:
        self._search.open()
        self._searched()

    def action_found(self, by: int) -> None:
        if (place := self._search.step(by, self._text.lines)) is not None:
            self._hold(place)
        self._searched()

    def action_end_search(self) -> None:
        self._search.close()
        self._searched()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys of a search that is not going on to the screen."""
        return self._search.is_open if action in ("found", "end_search") else True

    def on_key(self, event: events.Key) -> None:
        if self._search.is_typed and self._search.key(event.key, event.character):
            event.stop()
            event.prevent_default()
            self._look_up()

    def on_paste(self, event: events.Paste) -> None:
        if self._search.is_typed:
            event.stop()
            self._search.paste(event.text)
            self._look_up()

    def on_blur(self) -> None:
        self._search.enter()
        self._searched()

    def _look_up(self) -> None:
        """Show the last line with what was typed so far."""
        if (place := self._search.look_up(self._text.lines)) is not None:
            self._hold(place)
        self._searched()

    def _hold(self, place: int) -> None:
        """Scroll a line into view, if it is not there."""
        height = self.content_size.height
        if not self._top <= place < self._top + height:
            self._go(max(0, place - height // 2))
        elif self._follow and self._last_top > 0:
            self._set_follow(False)

    def _searched(self) -> None:
        self._show_border()
        self._lines_changed()
