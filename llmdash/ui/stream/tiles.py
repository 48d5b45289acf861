"""StreamTiles: as many streams side by side as fit, each in a box that keeps its place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.states import JobState
from llmdash.sanitize import clean_line
from llmdash.ui.stream.text import Chunk, Ruler, StreamText
from llmdash.ui.stream.words import CARET, missing_text, summary
from llmdash.ui.stream.wrapping import Kind, Line, LineKind, Span, wrap
from llmdash.ui.text.badges import JOB_STATES
from llmdash.ui.text.format import count, fit
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["Grid", "StreamTiles", "fit_grid"]

NARROWEST: Final = 24
WIDTH: Final = 56
"""The preferred width of a box, borders included; two narrow columns are better than one."""
LINES: Final = 5
"""The preferred height of a box, borders included."""
BORDERS: Final = 2

_Pieces = tuple[tuple[str, str], ...]
"""A line of a box: texts, each with the tail of its component class."""
_TAILS: Final = {
    Kind.TEXT: "text",
    Kind.MARK: "mark",
    Kind.GAP: "gap",
    Kind.STALL: "stall",
    Kind.CARET: "live",
    Kind.WORDS: "empty",
    Kind.THOUGHT: "empty",
    Kind.ERROR: "failed",
}
_FAILED: Final = (JobState.FAILED, JobState.INVALID)
_LEAST_SUMMED: Final = 5
"""Lines of a box from which on the last one sums the stream up."""


class Grid(NamedTuple):
    """Boxes in `columns` and `rows`; the last column and row take the remaining cells."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def boxes(self) -> int:
        return self.columns * self.rows

    def region(self, place: int) -> Region:
        """Return the region of box `place`, counted from 0, row by row."""
        row, column = divmod(place, self.columns)
        x, y = column * (self.width // self.columns), row * (self.height // self.rows)
        right = self.width if column == self.columns - 1 else x + self.width // self.columns
        bottom = self.height if row == self.rows - 1 else y + self.height // self.rows
        return Region(x, y, right - x, bottom - y)


def fit_grid(width: int, height: int) -> Grid:
    """Return the boxes for `width` x `height` cells; none if not even one has room for a line of text."""
    if width < NARROWEST or height <= BORDERS:
        return Grid(0, 0, width, height)
    columns = max(width // WIDTH, min(2, width // NARROWEST))
    return Grid(columns, max(1, height // LINES), width, height)


class StreamTiles(Widget):
    """Shows the last lines of the streams in flight, and of those that ended last.

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

    ALLOW_SELECT = False

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
    StreamTiles {
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
        self._boxes: list[list[_Pieces]] = []
        self._marks, self._ruler = True, Ruler.HEIGHTS
        self._border = PanelBorder(self, "Streams")
        self.next_way = ""
        """What `w` shows next."""

    def wanted(self) -> int:
        """Return the number of streams there is room for."""
        return fit_grid(*self.content_size).boxes

    def use(self, marks: bool, ruler: Ruler) -> None:
        """Show bars behind the chunks, and the gaps below them, from the next parts on."""
        self._marks, self._ruler = marks, ruler

    def show(self, parts: Sequence[StreamPart], in_flight: int) -> None:
        """Show `parts`, each at its place; only lines that differ are painted."""
        self._border.show(
            "Streams", f"{count(in_flight)} in flight", f"b bars · t gap times · w {self.next_way}"
        )
        grid = fit_grid(*self.content_size)
        regions = [grid.region(place) for place in range(min(grid.boxes, len(parts)))]
        boxes = [
            _box(part, region.width, region.height, self._marks, self._ruler)
            for part, region in zip(parts, regions, strict=False)
        ]
        before, self._boxes = self._boxes, boxes
        if grid != self._grid or len(before) != len(boxes):
            self._grid = grid
            self.refresh()
        elif changed := _changed(before, boxes, regions):
            self.refresh(*changed)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._border.draw()

    def on_resize(self) -> None:
        self._border.draw()

    def render_line(self, y: int) -> Strip:
        grid, width = self._grid, self.content_size.width
        if not self._boxes:
            words = "no stream yet" if y == 0 else ""
            return line([(words, self._style("empty"))], width, self._style("text"))
        pieces: _Pieces = ()
        row = min(y // max(1, grid.height // max(1, grid.rows)), grid.rows - 1)
        for place in range(row * grid.columns, min((row + 1) * grid.columns, len(self._boxes))):
            box, at = self._boxes[place], y - grid.region(place).y
            pieces += box[at] if at < len(box) else ()
        return line([(text, self._style(tail)) for text, tail in pieces], width, self._style("text"))

    def _style(self, tail: str) -> Style:
        return self._styles.get(f"stream-tiles--{tail}")


def _changed(
    before: Sequence[list[_Pieces]], after: Sequence[list[_Pieces]], regions: Sequence[Region]
) -> list[Region]:
    """Return the lines of boxes that differ."""
    return [
        Region(region.x, region.y + y, region.width, 1)
        for old, new, region in zip(before, after, regions, strict=True)
        if old is not new
        for y, (one, other) in enumerate(zip(old, new, strict=False))
        if one != other
    ]


@lru_cache(maxsize=256)
def _box(part: StreamPart, width: int, height: int, marks: bool, ruler: Ruler) -> list[_Pieces]:
    """Return the lines of one box: a border with the title in it around the last lines of the text."""
    border = "failed" if part.state in _FAILED else "border" if part.state.ended else "live"
    glyph = JOB_STATES[part.state].glyph
    name = " · ".join(
        filter(None, (clean_line(part.id[:64]), clean_line((part.worker or "")[:64]), part.key))
    )
    room = width - 7  # corners, the glyph, and blanks around title and glyph
    title = fit(name, min(room, cell_len(name))) if room > 0 else ""
    rule = "─" * max(0, width - 7 - cell_len(title))
    top = (("╭ ", border), (title, "title"), (f" {rule}", border), (f" {glyph} ", border), ("╮", border))
    bottom = (("╰" + "─" * (width - 2) + "╯", border),)
    inner, lines = width - 2 * BORDERS, height - BORDERS
    summed = height >= _LEAST_SUMMED
    body = _body(part, inner, lines - summed, marks, ruler)
    body += [()] * (lines - summed - len(body))
    if summed:
        body.append(((fit(summary(part, part.total, inner), inner).rstrip(), "title"),))
    return [top, *(_between(pieces, inner, border) for pieces in body), bottom]


def _between(pieces: _Pieces, width: int, border: str) -> _Pieces:
    """Return a line of a box between its two borders."""
    blank = " " * (width - sum(cell_len(text) for text, _tail in pieces))
    return (("│ ", border), *pieces, (blank + " ", "text"), ("│", border))


def _body(part: StreamPart, width: int, height: int, marks: bool, ruler: Ruler) -> list[_Pieces]:
    """Return the last lines of a text, or why there is none, in at most `height` lines."""
    if not any(part.chunks):
        kind = Kind.ERROR if part.error and not part.state.in_flight else Kind.WORDS
        lines = [each for each, _row in wrap([Span(missing_text(part), kind)], width)][:height]
    else:
        lines = _lines(part, width, marks, ruler, height)
    return [tuple((span.text, _TAILS[span.kind]) for span in spans) for spans in lines]


def _lines(part: StreamPart, width: int, marks: bool, ruler: Ruler, height: int) -> list[Line]:
    """Return the last lines of a text, `height` at most, none of gaps without the line that they are of."""
    wrapped = StreamText()
    wrapped.configure(width, marks, ruler)
    gaps = part.gaps or (None,) * len(part.chunks)
    wrapped.add(Chunk(chunk, gap) for chunk, gap in zip(part.chunks, gaps, strict=True))
    lines = list(wrapped.lines)
    last = lines[wrapped.last_text]
    if part.state is JobState.STREAMING and sum(cell_len(span.text) for span in last) < width:
        lines[wrapped.last_text] = (*last, Span(CARET, Kind.CARET))
    first = max(0, len(lines) - height)
    while first < len(lines) - 1 and wrapped.rows[first] is LineKind.GAPS:
        first += 1
    return lines[first:]
