"""Screens as SVG: one that stands still, or several that follow each other.

Text is drawn word by word, each at its cells and stretched to them, so that the grid holds in any font. In a
moving picture a line is drawn once for each look it has, and shown at the times it has it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from textual.app import App

__all__ = ["Look", "Screen", "moving", "screen_of", "still"]

CELL: Final = 8.4
LINE: Final = 17.0
_MARGIN: Final = 12.0
_BASELINE: Final = 12.6
_FONT: Final = "ui-monospace,'DejaVu Sans Mono','Fira Code',Menlo,Consolas,'Liberation Mono',monospace"

_WORDS: Final = re.compile(r"[!-~]+(?: [!-~]+)*|[^ -~]+")
"""What is drawn in one go: words of one font, or glyphs."""


class Look(NamedTuple):
    """A piece of a line in one style; colours are `#rrggbb`, `x` is its first cell."""

    x: int
    text: str
    ink: str
    ground: str
    bold: bool
    italic: bool
    underline: bool

    @property
    def cells(self) -> int:
        return cell_len(self.text)


Line = tuple[Look, ...]


class Screen(NamedTuple):
    """What an app shows: its lines from top to bottom, and the ground they stand on."""

    width: int
    ground: str
    lines: tuple[Line, ...]


def screen_of(app: App[Any]) -> Screen:
    """Return what the app shows now."""
    ground = app.current_theme.background or "#000000"
    strips = app.screen._compositor.render_strips()
    return Screen(app.size.width, ground.lower(), tuple(_line(strip, ground.lower()) for strip in strips))


def _line(segments: Iterable[Any], ground: str) -> Line:
    looks: list[Look] = []
    x = 0
    for text, style, _control in segments:
        if text:
            looks.append(_look(x, text, style or Style(), ground))
            x += cell_len(text)
    joined: list[Look] = []
    for look in looks:
        before = joined[-1] if joined else None
        if before is not None and before[2:] == look[2:]:
            joined[-1] = before._replace(text=before.text + look.text)
        else:
            joined.append(look)
    return tuple(joined)


def _look(x: int, text: str, style: Style, ground: str) -> Look:
    ink, back = _hex(style.color, "#ffffff"), _hex(style.bgcolor, ground)
    if style.reverse:
        ink, back = back, ink
    return Look(x, text, ink, back, bool(style.bold), bool(style.italic), bool(style.underline))


def _hex(color: Color | None, fallback: str) -> str:
    if color is None or color.is_default:
        return fallback
    return color.get_truecolor(DIMMED_MONOKAI).hex.lower()


def still(screen: Screen, title: str) -> str:
    """Return one screen as an SVG."""
    styles = _Styles()
    parts = [_drawn(y, line, screen.ground, styles) for y, line in enumerate(screen.lines)]
    return _document(screen, title, parts, styles)


def moving(screens: Sequence[Screen], step_s: float, title: str) -> str:
    """Return screens of one size as an SVG that shows each for `step_s` seconds, again and again."""
    first, length_s, styles = screens[0], step_s * len(screens), _Styles()
    parts: list[str] = []
    for y in range(len(first.lines)):
        shown: dict[Line, list[int]] = {}
        for number, screen in enumerate(screens):
            shown.setdefault(screen.lines[y], []).append(number)
        for line, numbers in shown.items():
            drawn = _drawn(y, line, first.ground, styles)
            if drawn and len(numbers) < len(screens):
                drawn = f"<g visibility='hidden'>{_shown_at(numbers, len(screens), length_s)}{drawn}</g>"
            parts.append(drawn)
    return _document(first, title, parts, styles)


def _shown_at(numbers: Sequence[int], count: int, length_s: float) -> str:
    """The times at which a line is shown, as shares of the whole."""
    there = set(numbers)
    changes = [(0, 0 in there)]
    for number in range(1, count):
        if (number in there) is not changes[-1][1]:
            changes.append((number, number in there))
    times = ";".join(f"{number / count:.4g}" for number, _shown in changes)
    values = ";".join("visible" if shown else "hidden" for _number, shown in changes)
    return (
        f"<animate attributeName='visibility' calcMode='discrete' dur='{length_s:g}s' "
        f"repeatCount='indefinite' keyTimes='{times}' values='{values}'/>"
    )


def _drawn(y: int, line: Line, ground: str, styles: _Styles) -> str:
    """A line: its grounds, then its text."""
    grounds = [
        f"<rect x='{_x(run[0].x)}' y='{_y(y)}' width='{_number(sum(look.cells for look in run) * CELL)}' "
        f"height='{LINE:g}' fill='{back}'/>"
        for back, group in itertools.groupby(line, key=lambda look: look.ground)
        if back != ground and (run := list(group))
    ]
    return "".join(grounds) + _text(y, line, styles)


def _text(y: int, line: Line, styles: _Styles) -> str:
    """The words of a line, each at its cell: other fonts stand in for glyphs, and may have other widths."""
    parts = []
    for look in line:
        for found in _WORDS.finditer(look.text):
            word = found[0]
            x = _x(look.x + cell_len(look.text[: found.start()]))
            parts.append(
                f"<text class='{styles.name(look)}' x='{x}' textLength='{_number(cell_len(word) * CELL)}'>"
                f"{escape(word)}</text>"
            )
    return (
        f"<g transform='translate(0 {_number(float(_y(y)) + _BASELINE)})'>{''.join(parts)}</g>"
        if parts
        else ""
    )


class _Styles:
    """Short names for the styles of text, and the stylesheet that says what they are."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, look: Look) -> str:
        """Return the name of the style of a text."""
        rules = f"fill:{look.ink}" + "".join(
            f";{rule}"
            for rule, is_set in (
                ("font-weight:bold", look.bold),
                ("font-style:italic", look.italic),
                ("text-decoration:underline", look.underline),
            )
            if is_set
        )
        return self._names.setdefault(rules, f"s{len(self._names)}")

    def sheet(self) -> str:
        """Return all of them as CSS."""
        return "".join(f".{name}{{{rules}}}" for rules, name in self._names.items())


def _document(screen: Screen, title: str, parts: Iterable[str], styles: _Styles) -> str:
    width = screen.width * CELL + 2 * _MARGIN
    height = len(screen.lines) * LINE + 2 * _MARGIN
    body = "\n".join(part for part in parts if part)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_number(width)} {_number(height)}' "
        f"role='img' aria-label={quoteattr(title)}>\n<title>{escape(title)}</title>\n"
        f"<style>text{{white-space:pre}}{styles.sheet()}</style>\n"
        f"<rect width='100%' height='100%' rx='8' fill='{screen.ground}'/>\n"
        f'<g font-family="{_FONT}" font-size="14" xml:space="preserve">\n{body}\n</g>\n</svg>\n'
    )


def _x(cell: int) -> str:
    return _number(_MARGIN + cell * CELL)


def _y(line: int) -> str:
    return _number(_MARGIN + line * LINE)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
