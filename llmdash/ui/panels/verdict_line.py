"""The fourth line of the header: the verdict on the run. It is always there, so that nothing below moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.frame import EMPTY_FRAME, Frame
from llmdash.lean_dataclass import dataclass
from llmdash.ui.text.format import by_words
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.named_keys import chosen_by
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.trouble_words import Trouble
from llmdash.ui.text.verdict_words import Advice, RunVerdict, verdict

__all__ = ["VerdictLine", "laid_out"]

Piece = tuple[str, str]

_GAP: Final = "   "
_BETWEEN: Final = "  "
"""Between two keys that help."""
_LEAST_WORDS: Final = 14
"""Cells below which a text is left out, not cut."""


class VerdictLine(Widget):
    """What binds the run or holds it up, the keys that help, and at the right what is wrong besides.

    | Component class | Styles |
    |---|---|
    | `verdict-line--primary`, `--accent`, `--muted` | What is said. |
    | `verdict-line--success`, `--warning`, `--error` | What is said, and troubles. |
    | `verdict-line--plain` | What keys do. |
    | `verdict-line--key` | The keys that help, and `!`. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "verdict-line--primary",
        "verdict-line--success",
        "verdict-line--warning",
        "verdict-line--error",
        "verdict-line--accent",
        "verdict-line--muted",
        "verdict-line--plain",
        "verdict-line--key",
    }

    DEFAULT_CSS = """
    VerdictLine {
        height: 1;
        padding: 0 1;
        & > .verdict-line--primary { color: $text-primary; }
        & > .verdict-line--success { color: $text-success; }
        & > .verdict-line--warning { color: $text-warning; }
        & > .verdict-line--error { color: $text-error; }
        & > .verdict-line--accent { color: $text-accent; }
        & > .verdict-line--muted { color: $text-muted; }
        & > .verdict-line--plain { color: $foreground; }
        & > .verdict-line--key { color: $text-accent; text-style: bold; }
    }
    """

    @dataclass
    class Opened(FromWidget):
        """Posted when the line is clicked, to show all alerts in full."""

    def __init__(self, *, now: Callable[[], float] = time.time, id: str | None = None) -> None:
        super().__init__(id=id)
        self._now = now
        self._styles = Styles(self)
        self._verdict = verdict(EMPTY_FRAME)
        self._strip: Strip | None = None

    def show(self, frame: Frame, *, changes: bool = False) -> None:
        """Show the verdict on a frame; repaints only where the line changes. `changes` says whether a run
        that was stopped can be changed and begun anew.
        """
        said = verdict(frame, self._now(), changes=changes, chosen=chosen_by(self))
        if said == self._verdict and self._strip is not None:
            return
        self._verdict = said
        before, self._strip = self._strip, self._draw(self.content_size.width)
        if before != self._strip:
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strip = None

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if self._strip is None or self._strip.cell_length != width:
            self._strip = self._draw(width)
        return self._strip

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.Opened(self))

    def _draw(self, width: int) -> Strip:
        pieces = [
            (text, self._styles.get(f"verdict-line--{style}"))
            for text, style in laid_out(self._verdict, width)
        ]
        return line(pieces, width, self._styles.get("verdict-line--plain"))


def laid_out(said: RunVerdict, width: int) -> list[Piece]:
    """Return the line in pieces of `width` cells together. What must be there is there first: the gist, the
    keys that help, the count; then the whole of what is said, the troubles, and words at the right.
    """
    tail = _count(said)
    room = width - _width(tail) - (len(_GAP) if tail else 0)
    left = _left(said, room, spare=_first(said.troubles))
    right = _right(said, room - _width(left))
    blank = " " * max(0, width - _width(left) - _width(right) - _width(tail))
    gap = [(_GAP, "plain")] if right and tail else []
    blank = blank[: max(0, len(blank) - (len(_GAP) if gap else 0))]
    return [*left, (blank, "plain"), *right, *gap, *tail]


def _count(said: RunVerdict) -> list[Piece]:
    return (
        [] if said.alerts is None else [("!", "key"), (f" {said.alerts}", "key" if said.alerts else "muted")]
    )


def _first(troubles: Sequence[Trouble]) -> int:
    """Cells to keep free for the most severe trouble."""
    return cell_len(troubles[0].short) + len(_GAP) if troubles else 0


def _left(said: RunVerdict, room: int, spare: int) -> list[Piece]:
    """What is said, and the keys that help; `spare` cells are left free if they can be."""
    for advice in _ever_less(said.advice):
        pieces = _advised(advice, said.said)
        if cell_len(said.said) + _width(pieces) + spare <= room:
            return [*_in_colours(said.said, said.style), *pieces]
    keys = _advised(tuple(each for each in _ever_less(said.advice)[-1] if each.key), said.said)
    for free in (spare, 0):
        words = room - _width(keys) - free
        if words >= cell_len(said.gist):
            cut = by_words(said.said, words)
            return [*_in_colours(cut if cut.startswith(said.gist) else said.gist, said.style), *keys]
    if words < _LEAST_WORDS:
        keys, words = [], room
    return [(by_words(said.gist, max(0, words)), said.style), *keys]


def _in_colours(text: str, style: str) -> list[Piece]:
    """What is said; what failed of a run that has ended well otherwise stands after a gap, as an error."""
    head, gap, lost = text.partition(_GAP) if style == "success" else (text, "", "")
    return [(head, style), (gap + lost, "error")] if lost else [(text, style)]


def _ever_less(advice: tuple[Advice, ...]) -> list[tuple[Advice, ...]]:
    """The advice, then without what follows a comma, then without what has no key."""
    short = tuple(Advice(key, does.partition(",")[0]) for key, does in advice)
    keyed = tuple(each for each in short if each.key)
    return list(dict.fromkeys((advice, short, keyed)))


def _advised(advice: Sequence[Advice], said: str) -> list[Piece]:
    pieces: list[Piece] = []
    for key, does in advice:
        gap = _BETWEEN if pieces else " " if said.endswith(":") else _GAP
        pieces.append((gap, "plain"))
        pieces += [(key, "key"), (f" {does}", "plain")] if key else [(does, "plain")]
    return pieces


def _right(said: RunVerdict, room: int) -> list[Piece]:
    """As many troubles as there is room for, the most severe whole if it can be; else the words aside."""
    if said.aside:
        return [(said.aside, "muted")] if cell_len(said.aside) + len(_GAP) <= room else []
    shown: list[str] = []
    for each in said.troubles:
        if _needed([*shown, each.short]) > room:
            break
        shown.append(each.short)
    for at, each in enumerate(said.troubles[: len(shown)]):
        shown[at] = _longest(each, cell_len(shown[at]) + room - _needed(shown))
    pieces: list[Piece] = []
    for text, each in zip(shown, said.troubles, strict=False):
        pieces += [(_GAP, "plain"), (text, each.style)] if pieces else [(text, each.style)]
    return pieces


def _needed(texts: Sequence[str]) -> int:
    """Cells of these texts, with a gap before each."""
    return sum(cell_len(text) + len(_GAP) for text in texts)


def _longest(each: Trouble, room: int) -> str:
    """The whole of a trouble, or of its words as many as fit where these say as much as it does in short."""
    if cell_len(each.whole) <= room:
        return each.whole
    cut = by_words(each.whole, room)
    return (
        cut
        if cell_len(cut) > cell_len(each.short) + _LEAST_WORDS // 2 and each.short.split()[-1] in cut
        else each.short
    )


def _width(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _style in pieces)
