"""One line below the run header that says what blocks the run, for as long as it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.frame import Alert
from llmdash.ui.text.alert_words import GAP, SEPARATOR, alert_line, over
from llmdash.ui.text.badges import alert_badge, is_hold
from llmdash.ui.text.format import by_words
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.paint import Styles, line
from llmdash.ui.text.verdict_words import EndWords

__all__ = ["Banner"]

_BOLD: Final = Style(bold=True)

LINGER_S: Final = 4.0
"""Seconds for which the line stays after the last alert, so that the panels below do not jump."""


_LEAST_WORDS: Final = 8
"""Cells below which words are left out."""


class Banner(Widget):
    """The most severe alert on one line, and the number of others; no line while there is none.

    | Component class | Styles |
    |---|---|
    | `banner--error`, `--warning`, `--information` | The line, by severity. |
    | `banner--held` | The line of a run that waits for the user. |
    | `banner--over` | The line for a short while after the last alert. |
    | `banner--plain` | The countdown, and the fix. |
    | `banner--key` | The key that shows all alerts. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "banner--error",
        "banner--warning",
        "banner--information",
        "banner--held",
        "banner--over",
        "banner--plain",
        "banner--key",
    }

    DEFAULT_CSS = """
    Banner {
        height: 1;
        display: none;
        &.-shown { display: block; }
        & > .banner--error { color: $text-error; background: $error 22%; }
        & > .banner--warning { color: $text-warning; background: $warning 18%; }
        & > .banner--information { color: $text-primary; background: $primary 15%; }
        & > .banner--held { color: $text-accent; background: $accent 15%; }
        & > .banner--over { color: $text-success; background: $success 12%; }
        & > .banner--plain { color: $foreground; }
        & > .banner--key { color: $footer-key-foreground; text-style: bold; }
    }
    """

    @dataclass
    class Opened(FromWidget):
        """Posted when the line is clicked, to show all alerts in full."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._styles = Styles(self)
        self._alerts: tuple[Alert, ...] = ()
        self._last: Alert | None = None
        self._seen_at = 0.0
        self._end: EndWords | None = None
        self._strip: Strip | None = None

    def show(self, alerts: tuple[Alert, ...], end: EndWords | None = None) -> None:
        """Show the first of these alerts, or what a run says at its `end`; repaints only where the line
        changes.
        """
        if alerts:
            self._last, self._seen_at = alerts[0], self._clock()
        elif self._last is not None and self._clock() - self._seen_at >= LINGER_S:
            self._last = None
        self.set_class(self._last is not None or end is not None, "-shown")
        if (alerts, end) == (self._alerts, self._end) and self._strip is not None:
            return
        self._alerts, self._end = alerts, end
        before, self._strip = self._strip, self._draw(self.size.width)
        if before != self._strip:
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strip = None

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._strip is None or self._strip.cell_length != width:
            self._strip = self._draw(width)
        return self._strip

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.Opened(self))

    def _draw(self, width: int) -> Strip:
        """The line, with a blank cell at both ends."""
        if self._alerts:
            return self._alert_line(self._alerts[0], width)
        if self._end is not None:
            return self._end_line(self._end, width)
        style = self._styles.get("banner--over")
        said = f" ✓ {over(self._last)}" if self._last is not None else ""
        return line([(by_words(said, width), style)], width, style)

    def _end_line(self, end: EndWords, width: int) -> Strip:
        ground = f"banner--{'over' if end.style == 'success' else end.style}"
        style, plain = self._styles.get(ground), self._styles.over("banner--plain", ground)
        key = self._styles.over("banner--key", ground)
        pieces = [(f" {by_words(end.said, _room_beside(end, width))} ", style + _BOLD)]
        press = f"{end.key} " if end.key else ""
        room = width - cell_len(pieces[0][0]) - cell_len(press)
        advice = end.advice if cell_len(end.advice) < room else _does(end)
        if advice and room > _LEAST_WORDS:
            pieces += [(press, key), (by_words(advice, room - 1), plain)]  # never one without the other
        blank = width - sum(cell_len(text) for text, _style in pieces) - cell_len(end.results) - 1
        if end.results and blank >= 3:
            pieces.append((f"{' ' * blank}{end.results} ", plain))
        return line(pieces, width, style)

    def _alert_line(self, alert: Alert, width: int) -> Strip:
        ground = f"banner--{alert_badge(alert).style}"
        style = self._styles.get(ground)
        more = f"+{len(self._alerts) - 1} more" if len(self._alerts) > 1 else ""
        words = alert_line(alert, width - 2 - (cell_len(more) + 4 if more else 0))
        if not words.whole and not more and not is_hold(alert):
            more = "all"
            words = alert_line(alert, width - 2 - cell_len(more) - 4)
        plain = self._styles.over("banner--plain", ground)
        pieces = [(f" {words.badge}{GAP}{words.text}", style + _BOLD)]
        pieces += [(SEPARATOR + part, plain) for part in (words.awaited, words.fix) if part]
        if more:
            blank = width - sum(cell_len(text) for text, _style in pieces) - cell_len(more) - 3
            key = self._styles.over("banner--key", ground)
            pieces += [(" " * blank, plain), ("!", key), (f" {more} ", plain)]
        return line(pieces, width, style)


def _does(end: EndWords) -> str:
    """What the key does, without its price."""
    return end.advice.partition(",")[0]


def _room_beside(end: EndWords, width: int) -> int:
    """The cells for what a run says at its end: the key, and what it does, are cut last. Its price may go."""
    advice = f"{end.key} {_does(end)} ".lstrip() if end.advice else ""
    return max(_LEAST_WORDS, width - 2 - cell_len(advice))
