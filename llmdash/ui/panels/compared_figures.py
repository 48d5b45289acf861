"""The totals of a comparison: figures with their intervals, and how many prompts changed in which way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.style import Style
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.changes import CHANGES, PairChange
from llmdash.engine.model.comparison import (
    ComparisonTotals,
)
from llmdash.engine.model.comparison_words import FigureLine, figure_lines, same_text_words
from llmdash.engine.model.counts import counted
from llmdash.lean_dataclass import dataclass
from llmdash.ui.tables.pair_table import CHANGE_STYLES
from llmdash.ui.text.format import count, fit, short
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["KINDS", "ChangesPanel", "FiguresPanel", "kind_name"]

KINDS: Final = (
    frozenset({PairChange.WORSE}),
    frozenset({PairChange.BETTER}),
    frozenset({PairChange.LOST}),
    frozenset({PairChange.RECOVERED}),
    frozenset({PairChange.BROKEN}),
    frozenset({PairChange.REPAIRED}),
    frozenset({PairChange.TEXT}),
    frozenset({PairChange.OTHER}),
    frozenset({PairChange.ONLY_A, PairChange.ONLY_B}),
)
"""The changes that the keys 1 to 9 choose."""
_ONE_RUN: Final = "only in one"
_NAME: Final = 15
_LEAST_BAR: Final = 4
"""Cells; a narrower bar says nothing."""
_HEADS: Final = ("", "A", "B", "B - A", "95 % interval", "")
_FLUSH_LEFT: Final = (0, 5)
_STYLES: Final = {"better": "better", "worse": "worse", "more": "more", "less": "more"}
_FIRST_TO_GO: Final = ("tokens in", "first token", "invalid", "tokens out")
"""Where there is no room for all figures."""


def kind_name(changes: frozenset[PairChange]) -> str:
    """Return what one of the KINDS is called."""
    return CHANGES[min(changes)] if len(changes) == 1 else _ONE_RUN


class FiguresPanel(Widget):
    """A line for each figure: in A, in B, the difference, its interval. Those that matter most stay.

    | Component class | Styles |
    |---|---|
    | `figures--head` | Titles of columns, words. |
    | `figures--figure` | Figures. |
    | `figures--better`, `--worse`, `--more` | A difference that is certain. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "figures--head",
        "figures--figure",
        "figures--better",
        "figures--worse",
        "figures--more",
    }
    DEFAULT_CSS = """
    FiguresPanel > .figures--head { color: $foreground-muted; }
    FiguresPanel > .figures--figure { color: $foreground; }
    FiguresPanel > .figures--better { color: $text-success; text-style: bold; }
    FiguresPanel > .figures--worse { color: $text-error; text-style: bold; }
    FiguresPanel > .figures--more { color: $foreground; text-style: bold; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles = Styles(self)
        self._lines: tuple[FigureLine, ...] = ()
        self._border = PanelBorder(self, "Figures")

    @property
    def lines(self) -> int:
        """The lines that it has something to show in."""
        return 1 + len(self._lines)

    def show(self, totals: ComparisonTotals) -> None:
        """Show these totals."""
        self._border.show("Figures", f"{counted(totals.pairs, 'prompt')} in both", same_text_words(totals))
        found = tuple(figure_lines(totals))
        if found != self._lines:
            self._lines = found
            self.refresh()

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._border.draw()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blank = self._styles.get("figures--head")
        shown = self._fitting(self.size.height - 1)
        if y > len(shown):
            return Strip.blank(width, blank)
        widths = _widths(shown)
        gap = max(1, min(3, (width - sum(widths)) // len(widths)))
        if y == 0:
            return line([(_row(_HEADS, widths, gap), blank)], width, blank)
        each = shown[y - 1]
        certain = f"figures--{_STYLES.get(each.verdict, 'figure')}"
        said = certain if each.verdict else "figures--head"
        styles = ["figures--head", "figures--figure", "figures--figure", certain, "figures--figure", said]
        cells = zip(_cells(each), widths, styles, strict=True)
        pieces = [
            (_cell(cell, size, at, gap), self._styles.get(style))
            for at, (cell, size, style) in enumerate(cells)
        ]
        return line(pieces, width, blank)

    def _fitting(self, room: int) -> list[FigureLine]:
        """The lines that fit, in their order."""
        shown = list(self._lines)
        for name in _FIRST_TO_GO:
            if len(shown) > room:
                shown = [each for each in shown if each.name != name]
        return shown[: max(0, room)]


def _cells(each: FigureLine) -> tuple[str, ...]:
    return each.name, each.a, each.b, each.difference, each.interval, each.certainty


def _widths(shown: Sequence[FigureLine]) -> list[int]:
    return [max(len(row[at]) for row in (_HEADS, *map(_cells, shown))) for at in range(len(_HEADS))]


def _row(cells: Sequence[str], widths: Sequence[int], gap: int) -> str:
    sized = zip(cells, widths, strict=True)
    return "".join(_cell(cell, size, at, gap) for at, (cell, size) in enumerate(sized))


def _cell(text: str, width: int, at: int, gap: int) -> str:
    return fit(text, width, "left" if at in _FLUSH_LEFT else "right") + " " * gap if width else ""


class ChangesPanel(Widget):
    """How many prompts changed in each way, with the key that shows only these; a click does so, too.

    | Component class | Styles |
    |---|---|
    | `changes--key` | The key. |
    | `changes--none` | A kind without prompts. |
    | `changes--chosen` | The kinds that are shown. |
    | `changes--error`, `--success`, `--warning`, `--muted` | The number and its bar. |
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "changes--key",
        "changes--none",
        "changes--name",
        "changes--chosen",
        "changes--error",
        "changes--success",
        "changes--warning",
        "changes--muted",
    }
    DEFAULT_CSS = """
    ChangesPanel > .changes--key { color: $text-accent; text-style: bold; }
    ChangesPanel > .changes--none { color: $foreground-muted 55%; }
    ChangesPanel > .changes--name { color: $foreground-muted; }
    ChangesPanel > .changes--chosen { color: $foreground; text-style: bold; }
    ChangesPanel > .changes--error { color: $text-error; }
    ChangesPanel > .changes--success { color: $text-success; }
    ChangesPanel > .changes--warning { color: $text-warning; }
    ChangesPanel > .changes--muted { color: $foreground-muted; }
    """
    ALLOW_SELECT = False

    @dataclass
    class Chosen(FromWidget):
        """Posted when a kind is clicked; it is a place in KINDS."""

        kind: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles = Styles(self)
        self._numbers: tuple[int, ...] = (0,) * len(KINDS)
        self._chosen: frozenset[PairChange] = frozenset()

    def show(self, totals: ComparisonTotals, chosen: frozenset[PairChange]) -> None:
        """Show these totals; `chosen` are the changes that the table has."""
        numbers = tuple(totals.count(kind) for kind in KINDS)
        if (numbers, chosen) != (self._numbers, self._chosen):
            self._numbers, self._chosen = numbers, chosen
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blank = self._styles.get("changes--name")
        pieces = []
        columns, each = self._columns()
        for column in range(columns):
            kind = column * self._rows() + y
            if y < self._rows() and kind < len(KINDS):
                pieces += self._entry(kind, each)
        return line(pieces, width, blank)

    def _columns(self) -> tuple[int, int]:
        """How many columns of kinds there are, and the width of each."""
        rows = self._rows()
        columns = -(-len(KINDS) // rows)
        return columns, self.size.width // columns

    def _rows(self) -> int:
        return max(1, min(len(KINDS), self.size.height))

    def _entry(self, kind: int, width: int) -> list[tuple[str, Style]]:
        """Key, name, number and bar of a kind, `width` cells together."""
        changes, number = KINDS[kind], self._numbers[kind]
        tint = f"changes--{CHANGE_STYLES[min(changes)] if number else 'none'}"
        shown = changes <= self._chosen and len(self._chosen) < len(KINDS)
        named = "changes--chosen" if shown else "changes--name" if number else "changes--none"
        most = max(len(count(each)) for each in self._numbers)
        digits = max(4, most) if width >= _NAME + 4 + most else 4
        name = max(0, min(_NAME, width - digits - 3))
        room = max(0, width - name - digits - 4)
        filled = -(-(room - 1) * number // max(*self._numbers, 1)) if room > _LEAST_BAR else 0
        pieces = (
            (f"{kind + 1} ", "changes--key"),
            (f"{fit(kind_name(changes), max(0, name - 1))} "[:name], named),
            (count(number).rjust(digits) if len(count(number)) <= digits else short(number, digits), tint),
            (f" {'━' * filled}".ljust(width - name - digits - 2), tint),
        )
        return [(text, self._styles.get(style)) for text, style in pieces]

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset_capture(self)
        columns, each = self._columns()
        kind = offset.x // max(1, each) * self._rows() + offset.y
        if offset.y < self._rows() and kind < len(KINDS) and offset.x < columns * each:
            self.post_message(self.Chosen(self, kind))
