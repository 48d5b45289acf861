"""StreamPane: the stream of a job as it arrives, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.selection import Selection

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.view import StreamView
from llmdash.ui.stream.looks import StreamLooks
from llmdash.ui.stream.selected import selected_text
from llmdash.ui.stream.stream_lines import StreamLines
from llmdash.ui.stream.words import short_heading
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.scrolling import jump, resize

__all__ = ["StreamPane"]

SCROLLED: Final = "-scrolled"
LEAST_HEADED: Final = 4
"""Lines below which the heading of the answer stands on the border, and one answer replaces the other."""
_EXPLAINED: Final[Mapping[str, str]] = {
    "scroll_lines(-1)": "Scroll back and hold the text still",
    "scroll_pages(-1)": "A screenful back",
}


class StreamPane(StreamLines):
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
    """

    BINDINGS: ClassVar[list[BindingType]] = [
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
    ]

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("Stream", name=name, id=id, classes=classes)
        self.explained = _EXPLAINED
        """What the help says of keys that do more here than scroll."""
        self._looks = StreamLooks()
        self._show_border()

    # The interface to the screen.

    @property
    def follow(self) -> bool:
        """Whether new text scrolls into view."""
        return self._follow

    @property
    def looks(self) -> StreamLooks:
        """How the text is drawn."""
        return self._looks

    @property
    def job(self) -> int | None:
        """The job whose text is held."""
        return self._transcript.job

    @property
    def text(self) -> str:
        """The text that is held, without marks, safe to show."""
        return self._text.plain

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
        self._shown.configure(self._text_width, *self._looks)
        height = self.content_size.height
        if height:
            self._transcript.use_headings(height >= LEAST_HEADED)

    # Drawing.

    def on_resize(self) -> None:
        self._rewrap()

    def _rewrap(self) -> None:
        self._configure()
        self._strips.clear()
        self._painted = []
        self._show_border()
        self._lines_changed()

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
        self._border.show("Stream", how, self._search.words or self._looks.legend(width))

    # Selection.

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is selected of the text, without marks and gaps."""
        return selected_text(self._text.lines, self._text.rows, selection), "\n"

    # Keys and wheel.

    def action_first_line(self) -> None:
        self.go_to(0)

    def action_follow(self) -> None:
        self._set_follow(True)

    def action_toggle_marks(self) -> None:
        self._looks = self._looks.toggled()
        self._rewrap()

    def action_next_ruler(self) -> None:
        self._looks = self._looks.next_ruler()
        self._rewrap()

    def go_to(self, top: int) -> None:
        """Scroll to line `top`; past the end means to follow."""
        if top >= self._last_top:
            self._set_follow(True)
            return
        self._set_follow(False)
        jump(self, top)
        self._lines_changed()

    def _set_follow(self, follow: bool) -> None:
        if follow != self._follow:
            top = self.top
            self._follow = follow
            self.set_class(not follow, SCROLLED)
            if not follow:
                resize(self, self.line_count())
                jump(self, top)
            self._show_border()
            self._lines_changed()

    # Search.

    def show_found(self, place: int) -> None:
        if self._follow and self.top <= place and self._last_top > 0:
            self._set_follow(False)  # it would leave the screen with new text
        else:
            super().show_found(place)

    @property
    def search_begin(self) -> int:
        return self.line_count()  # what was said last comes first

    def search_changed(self) -> None:
        self._show_border()
        self._lines_changed()
