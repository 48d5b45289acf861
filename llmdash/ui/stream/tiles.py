"""StreamTiles: as many streams side by side as fit, each in a box that keeps its place."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.message import Message

from llmdash.lean_dataclass import dataclass
from llmdash.ui.stream.tile_boxes import HeldTile, TileBoxes
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["StreamTiles"]

_WHEEL_LINES: Final = 3


class StreamTiles(TileBoxes, can_focus=True):
    """Shows the last lines of the streams in flight, and of those that ended last.

    A box that is scrolled, and all of them while text is selected, hold still. What is selected lies within
    the box in which that began, and is copied without marks and gaps.

    | Key | Does |
    |---|---|
    | arrows | Move from box to box; a click does so too. |
    | enter | Open the job; so does a double click. |
    | pageup, pagedown, wheel | Scroll in a box. |
    | end, escape | Follow all streams again. |
    """

    BINDING_GROUP_TITLE = "Streams"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open_job", "Inspect", tooltip="Show the job of this stream in full"),
        Binding("left", "move(-1, 0)", "Stream left", show=False, tooltip="The stream to the left"),
        Binding("right", "move(1, 0)", "Stream right", show=False, tooltip="The stream to the right"),
        Binding("up", "move(0, -1)", "Stream above", show=False, tooltip="The stream above"),
        Binding("down", "move(0, 1)", "Stream below", show=False, tooltip="The stream below"),
        Binding("pageup", "scroll_box(1)", "Page up", show=False, tooltip="Hold it, and scroll back"),
        Binding("pagedown", "scroll_box(-1)", "Page down", show=False, tooltip="A screenful down"),
        Binding("end", "follow", "Follow", tooltip="Follow all streams again", id="stream-follow"),
        Binding("escape", "follow", "Follow", show=False, id="stream-follow", tooltip="Follow them again"),
    ]

    @dataclass
    class Chosen(Message):
        """Posted when another stream is chosen: its job."""

        job: int

    @dataclass
    class Opened(Message):
        """Posted when enter is pressed on a stream, or it is clicked twice: its job."""

        job: int

    # Keys and mouse.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._selected.place = self._clicked(event)

    def action_open_job(self) -> None:
        part = self._part_at(self._at)
        if part is not None and part.job is not None:
            self.post_message(self.Opened(part.job))

    def action_move(self, columns: int, rows: int) -> None:
        row, column = divmod(self._at, max(1, self._grid.columns))
        column = max(0, min(column + columns, self._grid.columns - 1))
        self._choose(max(0, row + rows) * self._grid.columns + column)

    def action_scroll_box(self, pages: int) -> None:
        if self._boxes:
            self._scroll(self._at, pages * max(1, len(self._boxes[self._at].text)))

    def action_follow(self) -> None:
        self._held.clear()
        self.screen.clear_selection()
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen while all streams are followed."""
        return self._holds if action == "follow" else True

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # twice would select all
        place = self._clicked(event)
        if place is None or self.text_selection is not None:
            return
        self._choose(place)
        if event.chain == 2:
            self.action_open_job()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, _WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -_WHEEL_LINES)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        event.prevent_default()
        if (place := self._clicked(event)) is not None:
            self._scroll(place, lines)

    def _clicked(self, event: events.MouseEvent) -> int | None:
        """The place that the mouse is over, None where there is no stream."""
        offset = event.get_content_offset(self)
        if offset is None or not self._boxes:
            return None
        place = self._grid.place_at(*offset)
        return place if place < len(self._boxes) else None

    def _choose(self, place: int) -> None:
        """Put the cursor on a box, if there is one at that place."""
        if place >= len(self._parts):
            return
        self._place = place
        self._lay_out()
        part = self._part_at(place)
        if part is not None and part.job is not None:
            self.post_message(self.Chosen(part.job))

    def _scroll(self, place: int, lines: int) -> None:
        """Hold a stream, that many lines above its end; at the end it is followed again."""
        part = self._part_at(place)
        if part is None or self.text_selection is not None:
            return
        held = self._held.pop(place, None)
        back = (held.back if held else 0) + min(lines, self._boxes[place].above)
        if back > 0:
            self._held[place] = HeldTile(part, back)
        self._lay_out()
