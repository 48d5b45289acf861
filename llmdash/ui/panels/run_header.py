"""The run in three lines: its name and state, its progress, and its counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from textual.events import MouseEvent
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.states import RunState
from llmdash.sanitize import clean_line
from llmdash.ui.charts.run_bar import run_bar
from llmdash.ui.text.badges import run_badge
from llmdash.ui.text.format import by_words, clock, elapsed, fit
from llmdash.ui.text.paint import Styles, differences, line
from llmdash.ui.text.run_words import WIDE, Piece, counted_line, progress_line

__all__ = ["FIGURES_S", "RunHeader"]

FIGURES_S: Final = 0.25
"""Seconds between two looks of the figures; clock and bar move with each frame."""
_LEAST_NAME: Final = 8
_LEAST_BAR: Final = 6


class RunHeader(Widget):
    """The run header: three lines of slots that do not move; where room is short whole members are left out.

    | Component class | Styles |
    |---|---|
    | `run-header--brand` | The name of the program, and what is in flight in the bar. |
    | `run-header--name` | The name of the run, and figures. |
    | `run-header--accent` | What is shown, where that is not a run at work. |
    | `run-header--plain` | Plain text. |
    | `run-header--muted` | Words, and what was cancelled in the bar. |
    | `run-header--faint` | Zeros, and what is left in the bar. |
    | `run-header--success`, `--warning`, `--error` | States, counts, and parts of the bar. |
    | `run-header--warning-strong`, `--error-strong` | Figures of trouble. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-header--brand",
        "run-header--name",
        "run-header--accent",
        "run-header--plain",
        "run-header--muted",
        "run-header--faint",
        "run-header--success",
        "run-header--warning",
        "run-header--error",
        "run-header--warning-strong",
        "run-header--error-strong",
    }

    DEFAULT_CSS = """
    RunHeader {
        height: 3;
        padding: 0 1;
        & > .run-header--brand { color: $text-primary; text-style: bold; }
        & > .run-header--name { color: $foreground; text-style: bold; }
        & > .run-header--accent { color: $text-accent; text-style: bold; }
        & > .run-header--plain { color: $foreground; }
        & > .run-header--muted { color: $text-muted; }
        & > .run-header--faint { color: $border-blurred; }
        & > .run-header--success { color: $text-success; }
        & > .run-header--warning { color: $text-warning; }
        & > .run-header--error { color: $text-error; }
        & > .run-header--warning-strong { color: $text-warning; text-style: bold; }
        & > .run-header--error-strong { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(id=id)
        self._now = now
        self._styles = Styles(self)
        self._run = self._figures = RunPart()
        self._figures_at = float("-inf")
        self._workers: int | None = None
        self._shown_as = ""
        self._lines: list[Strip] = []
        self._drawn = -1

    def show(self, run: RunPart, workers: int | None = None, shown_as: str = "") -> None:
        """Show the run, and the number of its workers if it has any; only lines that look different are
        painted. `shown_as` says what it is that is not at work, such as `kept run`.
        """
        if (run, workers, shown_as) == (self._run, self._workers, self._shown_as) and run is self._figures:
            return
        self._run, self._workers, self._shown_as = run, workers, shown_as
        self._take_figures(run)
        width = self.content_size.width
        if width != self._drawn:
            self._drawn = -1
            self.refresh()
            return
        before, self._lines = self._lines, self._draw(width)
        if changed := list(differences(before, self._lines)):
            self.refresh(*changed)

    def _take_figures(self, run: RunPart) -> None:
        """Show these figures, unless others were shown a moment ago: digits that race cannot be read."""
        before = self._figures
        is_event = run.rests or (run.state, run.jobs, run.name) != (before.state, before.jobs, before.name)
        if is_event or self._now() - self._figures_at >= FIGURES_S:
            self._figures, self._figures_at = run, self._now()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._drawn = -1

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if width != self._drawn:
            self._lines = self._draw(width)
            self._drawn = width
        return self._lines[y] if 0 <= y < len(self._lines) else Strip.blank(width, self._style("plain"))

    def text_at(self, event: MouseEvent) -> tuple[str, int]:
        """Return the line of which something was clicked, and which character."""
        x, y = event.get_content_offset_capture(self)
        strip = self.render_line(y)
        return strip.text, len(strip.crop(0, x).text)

    def _draw(self, width: int) -> list[Strip]:
        return [
            self._line(self._title(width), width),
            self._line(self._progress(width), width),
            self._line(counted_line(self._figures, width), width),
        ]

    def _line(self, pieces: Sequence[Piece], width: int) -> Strip:
        styled = [(text, self._style(style)) for text, style in pieces]
        return line(styled, width, self._style("plain"))

    def _style(self, tail: str) -> Style:
        return self._styles.get(f"run-header--{tail}")

    # First line.

    def _title(self, width: int) -> list[Piece]:
        wide = width >= WIDE
        time = elapsed(self._run.elapsed_s) if wide else clock(self._run.elapsed_s)
        gap = 3 if wide else 2
        state = self._state_text(width - len(time) - gap)
        right: list[Piece] = [(state, run_badge(self._run).style), (" " * gap, "plain"), (time, "name")]
        if _width(right) > width:
            right = [(fit(state, width), run_badge(self._run).style)]
        left = list(self._names(width - _width(right) - 2))
        blank = " " * (width - _width(left) - _width(right))
        return [*left, (blank, "plain"), *right]

    def _names(self, room: int) -> Iterator[Piece]:
        """As many of the names as there is room for; that of the run always."""
        run, wide = self._run, room >= WIDE * 2 // 3
        place = " @ ".join(clean_line(text) for text in (run.model, run.endpoint) if text)
        names: list[tuple[str, str, int]] = [
            ("llmdash" if wide else "", "brand", 3),
            (self._shown_as, "accent", 1),
            (clean_line(run.name), "name", 0),
            (place, "muted", 2),
            (counted(run.keys, "key"), "muted", 4),
            ("" if self._workers is None else counted(self._workers, "worker"), "muted", 4),
        ]
        shown = [name for name in names if name[0]]
        gap = 3 if wide else 2
        while shown and sum(cell_len(text) + gap for text, _style, _priority in shown) - gap > room:
            shown.remove(max(reversed(shown), key=lambda name: name[2]))
        if not shown:
            shown = [(fit(run.name, max(0, room)), "name", 0)]
        for at, (text, style, _priority) in enumerate(shown):
            if at:
                yield "  " if shown[at - 1][1] == "brand" else " " * gap, "plain"
            yield text, style

    def _state_text(self, width: int) -> str:
        """The state and, as far as it leaves room for the name of the run, its reason."""
        run, room = self._run, max(_LEAST_NAME, width - _LEAST_NAME - 2)
        badge, why = run_badge(run), run.state_detail
        if run.state in (RunState.RUNNING, RunState.DONE) or not why:
            return by_words(badge.text, room)
        said = why if why.startswith(badge.word) else f"{badge.word} · {why}"
        return by_words(f"{badge.glyph} {said}", room)

    # Second line.

    def _progress(self, width: int) -> list[Piece]:
        said = progress_line(self._figures, width, playing=not self._shown_as)
        bar = width - _width(said) - (3 if width >= WIDE else 2)
        if bar < _LEAST_BAR:
            return said
        cells: list[Piece] = [
            (stretch.glyph * stretch.cells, stretch.style) for stretch in run_bar(self._run, bar)
        ]
        return [*cells, (" " * (width - bar - _width(said)), "plain"), *said]


def _width(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _style in pieces)
