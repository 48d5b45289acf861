"""SearchedLines: a pane of lines in which words can be searched for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from llmdash.ui.stream.lines_pane import LinesPane
from llmdash.ui.stream.search_line import SearchLine
from llmdash.ui.stream.wrapping import Line
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["SearchedLines"]


class SearchedLines(LinesPane):
    """Finds words as they are typed. A subclass writes `lines` and `search_changed`, and draws them with
    `self.searched(lines)`.

    | Key | Does |
    |---|---|
    | / | Search; n and N go on to the next and the previous line, escape ends it. |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", tooltip="Find words in the text that is held"),
        Binding("n", "found(1)", "Next found", show=False, tooltip="The next line with what is searched for"),
        Binding("N", "found(-1)", "Previous found", show=False, tooltip="The line before with it"),
        Binding("escape", "end_search", "End search", show=False, tooltip="Search for nothing any more"),
    ]

    def __init__(
        self, what: str, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(what, name=name, id=id, classes=classes)
        self._search = SearchLine()

    # For subclasses.

    @property
    def lines(self) -> Sequence[Line]:
        """The lines as they are wrapped."""
        raise NotImplementedError

    def search_changed(self) -> None:
        """Called after something else is searched for: draw the lines and the border."""
        raise NotImplementedError

    def searched(self, lines: Sequence[Line]) -> list[Line]:
        """Return lines with what is searched for in spans of its own."""
        search = self._search.search
        return [search.highlighted(line) for line in lines] if search is not None else list(lines)

    @property
    def search_begin(self) -> int:
        """The line from which on words are looked for as they are typed."""
        return self.top

    def show_found(self, place: int) -> None:
        """Scroll a line into view, if it is not there."""
        height = self.content_size.height
        if not self.top <= place < self.top + height:
            self.go_to(max(0, place - height // 2))

    def look_up(self) -> None:
        """Show a line with what was typed so far."""
        if (place := self._search.look_up(self.lines, self.search_begin)) is not None:
            self.show_found(place)
        self.search_changed()

    @property
    def is_typed_into(self) -> bool:
        """True while keys are letters of what is searched for."""
        return self._search.is_typed

    # Keys.

    def action_search(self) -> None:
        self._search.open()
        self.search_changed()

    def action_found(self, by: int) -> None:
        if (place := self._search.step(by, self.lines)) is not None:
            self.show_found(place)
        self.search_changed()

    def action_end_search(self) -> None:
        self._search.close()
        self.search_changed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys of a search that is not going on to the screen."""
        return self._search.is_open if action in ("found", "end_search") else True

    def on_key(self, event: events.Key) -> None:
        if self._search.is_typed and self._search.key(event.key, event.character):
            event.stop()
            event.prevent_default()
            self.look_up()

    def on_paste(self, event: events.Paste) -> None:
        if self._search.is_typed:
            event.stop()
            self._search.paste(event.text)
            self.look_up()

    def on_blur(self) -> None:
        if self._search.is_typed:
            self._search.enter()
            self.search_changed()
