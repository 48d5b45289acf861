"""The answer to a prompt in one of two runs, with what differs marked by colour and by signs."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from llmdash.engine.model.comparison import PairSide, Piece, TextSide
from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean, clean_line
from llmdash.ui.tables.pair_table import side_badge
from llmdash.ui.text.format import count, dollars, duration, fit

__all__ = ["AnswerPane"]

_SIGNS: Final = {"A": ("[-", "-]", "$text-error"), "B": ("{+", "+}", "$text-success")}
"""The signs of `wdiff`: taken away from A, added in B."""
_LONGEST_ID: Final = 24
_TINTS: Final = {"success": "$text-success", "warning": "$text-warning", "error": "$text-error"}


class AnswerPane(VerticalScroll):
    """A scrolling text under a title that says which run it is from, what became of it and what it took."""

    DEFAULT_CSS = """
    AnswerPane { scrollbar-size-vertical: 1; padding: 0 1; }
    AnswerPane > Static { height: auto; }
    """
    BINDING_GROUP_TITLE = "Answer"

    def __init__(self, run: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run = run
        self._shown: tuple[PairSide | None, TextSide | None, bool, bool] | None = None

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, side: PairSide | None, texts: TextSide | None, *, marked: bool, kept: bool) -> None:
        """Show a side of a pair; `marked` is False where too much differs to be marked, `kept` is whether the
        run keeps texts.
        """
        shown = side, texts, marked, kept
        if shown == self._shown:
            return
        self._shown = shown
        self._write_title()
        self.query_one(Static).update(_body(self._run, texts, marked=marked, kept=kept))
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._write_title()

    def _write_title(self) -> None:
        """Write whose answer it is, with a blank on each side where no border has one."""
        if self._shown is None:
            return
        blank = "" if self.styles.border_left[0] else " "
        title = _title(self._run, self._shown[0]).truncate(max(0, self.outer_size.width - 4), ellipsis=True)
        self.border_title = Content.assemble(blank, title, blank)


def _title(run: str, side: PairSide | None) -> Content:
    badge = side_badge(side)
    name = "" if side is None else f"{fit(side.id, _LONGEST_ID).rstrip()}  "
    parts: list[tuple[str, str] | str] = [
        (f"{run}  ", "bold"),
        name,
        (badge.text, _TINTS.get(badge.style, "")),
    ]
    if side is not None:
        figures = []
        if side.latency_s is not None:
            figures.append(duration(side.latency_s).strip())
        if side.output_tokens is not None:
            figures.append(f"{count(side.output_tokens)} out")
        if side.cost is not None:
            figures.append(dollars(side.cost))
        parts.append(("".join(f" · {figure}" for figure in figures), "$foreground-muted"))
    return Content.assemble(*parts)


def _body(run: str, texts: TextSide | None, *, marked: bool, kept: bool) -> Content:
    if texts is None:
        return Content.styled(f"Run {run} has no outcome of this prompt.", "$foreground-muted")
    parts: list[Content] = []
    if texts.pieces is not None:
        parts.append(_answer(run, texts.pieces))
    elif not texts.error:
        words = "No answer." if kept else f"Run {run} keeps no texts."
        parts.append(Content.styled(words, "$foreground-muted"))
    if texts.cut:
        parts.append(
            Content.styled(f"… and {counted(texts.cut, 'more character')}, not compared", "$text-warning")
        )
    if texts.error:
        parts.append(Content.styled(clean(texts.error), "$text-error"))
    if texts.expected:
        parts.append(Content.styled(f"expected {clean_line(texts.expected)}", "$foreground-muted"))
    if not marked:
        parts.append(Content.styled("too much differs to be marked word by word", "$foreground-muted"))
    return Content("\n").join(parts)


def _answer(run: str, pieces: tuple[Piece, ...]) -> Content:
    before, after, tint = _SIGNS[run]
    parts: list[tuple[str, str] | str] = []
    for piece in pieces:
        text = clean(piece.text)
        if piece.differs:
            parts.append((f"{before}{text}{after}", f"bold {tint}"))
        else:
            parts.append(text)
    return Content.assemble(*parts)
