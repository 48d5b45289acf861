"""A panel of lines whose pieces can be clicked: what is known of a group of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content, Span
from textual.events import Click
from textual.style import Style
from textual.widgets import Static

from llmdash.sanitize import clean_line
from llmdash.ui.text.error_words import Phrase
from llmdash.ui.text.named_keys import Chosen, chosen_by, key_of
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["ErrorDetails", "as_content"]

_ACTION: Final = "action"
"""What a piece that can be clicked has in its style."""
_KEYS: Final = {
    ("retry", "r"): "retry-group",
    ("bench", "b"): "bench-key",
    ("skip", "k"): "skip",
    ("choose", "⏎"): "show-jobs",
    ("inspect", "i"): "inspect-one",
    ("copy", "c"): "copy",
}
"""Ids of actions, by what a piece runs and the key that it is."""
_MOST: Final = 2_000
"""The most characters of a piece: a server may have said a million."""


class ErrorDetails(VerticalScroll, can_focus=False):
    """Shows lines of pieces; those with an action run it on the screen when they are clicked."""

    DEFAULT_CSS = """
    ErrorDetails {
        border: round $border-blurred; border-title-color: $foreground-muted;
        padding: 0 1; scrollbar-size-vertical: 1;
        & > Static { height: auto; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._border = PanelBorder(self)
        self._lines: Sequence[tuple[Phrase, ...]] = ()

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, what: str, how: str, lines: Sequence[tuple[Phrase, ...]]) -> None:
        """Show lines under these words on the border; repaints only what is new."""
        self._border.show(what, how)
        if lines != self._lines:
            self._lines = lines
            shown = _with_chosen_keys(lines, chosen_by(self))
            self.query_one(Static).update(Content("\n").join(map(as_content, shown)))

    async def on_click(self, event: Click) -> None:
        """Run the action of the piece that was clicked; not as a link, which has colours of its own."""
        if action := event.style.meta.get(_ACTION):
            await self.screen.run_action(action)

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()


def _with_chosen_keys(lines: Sequence[Sequence[Phrase]], chosen: Chosen) -> Sequence[Sequence[Phrase]]:
    """The lines with the keys that the actions have now."""
    return [[_with_chosen_key(piece, chosen) for piece in line] for line in lines] if chosen else lines


def _with_chosen_key(piece: Phrase, chosen: Chosen) -> Phrase:
    usual = piece.text.strip()
    action = _KEYS.get((piece.action, usual))
    if action is None:
        return piece
    return piece._replace(text=piece.text.replace(usual, key_of(action, usual, chosen)))


def as_content(line: Sequence[Phrase]) -> Content:
    """Return a line as content, long pieces cut; text that a server sent is one safe text, and no markup."""
    return Content("").join(_piece(piece) for piece in line)


def _piece(piece: Phrase) -> Content:
    text = clean_line(piece.text[:_MOST])
    if len(piece.text) > _MOST:
        text += "…"
    if not text:
        return Content("")
    spans: list[Span] = [Span(0, len(text), piece.style)] if piece.style else []
    if piece.action:
        spans.append(Span(0, len(text), Style.from_meta({_ACTION: piece.action})))
    return Content(text, spans)
