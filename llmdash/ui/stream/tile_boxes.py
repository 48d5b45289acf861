"""TileBoxes: the boxes of streams side by side, as they are drawn: each stream at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.style import Style
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.frame import StreamPart
from llmdash.ui.stream.grid import Grid, fit_grid
from llmdash.ui.stream.looks import StreamLooks
from llmdash.ui.stream.tile_box import Pieces, TileBox, TileView, tile_box
from llmdash.ui.stream.tile_selection import TileSelection
from llmdash.ui.text.format import count
from llmdash.ui.text.named_keys import chosen_by, key_hints, key_of
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["HeldTile", "TileBoxes"]


class HeldTile(NamedTuple):
    """What a place shows while it is scrolled: the stream as it was then, `back` lines above its end."""

    part: StreamPart
    back: int


class TileBoxes(Widget):
    """Draws the last lines of streams. Boxes that are held stand still, and all while text is selected.

    | Component class | Styles |
    |---|---|
    | `stream-tiles--border` | The box of a stream that has ended. |
    | `stream-tiles--live` | The box of a live stream, and its end. |
    | `stream-tiles--failed` | The box of one that failed, and why. |
    | `stream-tiles--title` | The job and state of a stream. |
    | `stream-tiles--text` | The text. |
    | `stream-tiles--mark` | The bar behind a chunk. |
    | `stream-tiles--gap` | The time before a chunk. |
    | `stream-tiles--stall` | The same where the stream stalled. |
    | `stream-tiles--empty` | The words shown while there is no stream. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "stream-tiles--border",
        "stream-tiles--live",
        "stream-tiles--failed",
        "stream-tiles--title",
        "stream-tiles--text",
        "stream-tiles--mark",
        "stream-tiles--gap",
        "stream-tiles--stall",
        "stream-tiles--empty",
    }

    DEFAULT_CSS = """
    TileBoxes {
        height: 1fr;
        & > .stream-tiles--border { color: $border-blurred; }
        & > .stream-tiles--live { color: $text-primary; }
        & > .stream-tiles--failed { color: $text-error; }
        & > .stream-tiles--title { color: $text-muted; }
        & > .stream-tiles--text { color: $foreground; }
        & > .stream-tiles--mark { color: $text-accent; text-style: dim; }
        & > .stream-tiles--gap { color: $border-blurred; }
        & > .stream-tiles--stall { color: $text-warning; }
        & > .stream-tiles--empty { color: $text-muted; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles = Styles(self)
        self._grid = Grid(0, 0, 0, 0)
        self._parts: tuple[StreamPart, ...] = ()
        self._boxes: list[TileBox] = []
        self._looks = StreamLooks()
        self._held: dict[int, HeldTile] = {}
        self._place = 0
        """Where the cursor is."""
        self._selected = TileSelection()
        self._border = PanelBorder(self, "Streams")
        self.next_way = ""
        """What `w` shows next."""

    # The interface to the screen.

    def wanted(self) -> int:
        """Return the number of streams there is room for."""
        return fit_grid(*self.content_size).boxes

    def use(self, looks: StreamLooks) -> None:
        """Draw streams like this from the next parts on."""
        self._looks = looks

    def show(self, parts: Sequence[StreamPart], in_flight: int) -> None:
        """Show `parts`, each at its place; only lines that differ are painted."""
        self._parts = tuple(parts)
        chosen = chosen_by(self)
        holds = f"held · {key_of('clear', 'esc', chosen)}" if self._holds else f"{count(in_flight)} in flight"
        keys = key_hints(
            chosen,
            ("stream-bars", "b", "bars"),
            ("stream-gaps", "t", "gap times"),
            ("wall", "w", self.next_way),
        )
        self._border.show("Streams", holds, keys)
        if self.text_selection is None:
            self._lay_out()

    # Boxes.

    @property
    def _holds(self) -> bool:
        """Whether a box does not show what its stream says now."""
        return bool(self._held) or self.text_selection is not None

    def _lay_out(self) -> None:
        """Draw the boxes again, those that changed."""
        grid = fit_grid(*self.content_size)
        if grid != self._grid:
            self._held.clear()
        boxes = [self._box(grid, place) for place in range(min(grid.boxes, len(self._parts)))]
        before, self._boxes = self._boxes, boxes
        if grid != self._grid or len(before) != len(boxes):
            self._grid = grid
            self.refresh()
        elif changed := _changed(before, boxes, grid):
            self.refresh(*changed)

    def _box(self, grid: Grid, place: int) -> TileBox:
        held = self._held.get(place)
        part, back = held if held is not None else (self._parts[place], 0)
        region = grid.region(place)
        view = TileView(self._looks, back, self.has_focus and place == self._at)
        return tile_box(part, region.width, region.height, view)

    @property
    def _at(self) -> int:
        return max(0, min(self._place, len(self._parts) - 1))

    def _part_at(self, place: int) -> StreamPart | None:
        """The stream that a place shows."""
        if held := self._held.get(place):
            return held.part
        return self._parts[place] if place < len(self._parts) else None

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._border.draw()

    def on_resize(self) -> None:
        self._border.draw()
        self._lay_out()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if not self._boxes:
            words = "no stream yet" if y == 0 else ""
            return line([(words, self._style("empty"))], width, self._style("text"))
        pieces: list[Pieces] = []
        row = self._grid.place_at(0, y)
        for place in range(row, min(row + self._grid.columns, len(self._boxes))):
            box, at = self._boxes[place], y - self._grid.region(place).y
            pieces.append(box.lines[at] if at < len(box.lines) else ())
        drawn = [(text, self._style(tail)) for piece in pieces for text, tail in piece]
        strip = line(drawn, width, self._style("text"))
        return self._selected.painted(self, strip, y, self._grid, self._boxes)

    def _style(self, tail: str) -> Style:
        return self._styles.get(f"stream-tiles--{tail}")

    # Selection.

    def selection_updated(self, selection: Selection | None) -> None:
        if selection is None:
            self._lay_out()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is selected of the text of a box, without marks and gaps."""
        return self._selected.text(selection, self._grid, self._boxes), "\n"


def _changed(before: Sequence[TileBox], after: Sequence[TileBox], grid: Grid) -> list[Region]:
    """Return the lines of boxes that differ."""
    regions = map(grid.region, range(len(after)))
    return [
        Region(region.x, region.y + y, region.width, 1)
        for old, new, region in zip(before, after, regions, strict=True)
        if old is not new
        for y, (one, other) in enumerate(zip(old.lines, new.lines, strict=False))
        if one != other
    ]
