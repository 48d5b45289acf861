"""The rate and the concurrency, each a slider, who shares its limits, and room for a small plot."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize

from llmdash.engine.model.frame import AutoPart, RatePart, SeriesPart, SharedLimitRow
from llmdash.engine.model.states import Binding
from llmdash.lean_dataclass import dataclass
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.panels.rate_legend import RateLegend
from llmdash.ui.panels.rate_slider import CONCURRENCY_RANGE, RATE_RANGE, LogSlider
from llmdash.ui.panels.shared_limits import SharedLimits
from llmdash.ui.text.format import number
from llmdash.ui.text.limit_words import share_in_short
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["RATE_LINES", "RatePanel"]

RATE_LINES: Final = 4
"""Lines of the sliders with the figures of the scale and the legend."""
_NO_BOUND: Final = frozenset((Binding.HELD, Binding.FINISHED, Binding.WORKER, Binding.BATCHES))
"""Why nothing is sent, where no limit is the reason."""
_AWAITS: Final = (Binding.BATCHES, Binding.FINISHED)
"""What binds where nothing but batches may be left."""
_MUCH: Final = 0.8
"""The share of the set rate below which the achieved one is a warning."""
_LEAST_OTHERS: Final = 2
"""Lines that the sliders need."""


class RatePanel(Vertical):
    """Two sliders with a scale of figures and a legend, a line for each limit that is shared with other
    runs, and a small plot in what is left.

    The border names what limits the rate. On a narrow screen the sliders have neither figures nor legend.
    """

    DEFAULT_CSS = """
    RatePanel { height: auto; }
    """

    @dataclass
    class RateChanged(FromWidget):
        """Posted when the user requests another rate, in requests a second; None means no limit."""

        rate: float | None

    @dataclass
    class ConcurrencyChanged(FromWidget):
        """Posted when the user requests another concurrency."""

        concurrency: int

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._rate = LogSlider(*RATE_RANGE, unit="/s", label="set", unlimited=True)
        self._concurrency = LogSlider(*CONCURRENCY_RANGE, unit="", label="max", integral=True)
        self._legend = RateLegend()
        self._shared = SharedLimits()
        self._plot = MiniPlot()
        self._border = PanelBorder(self, "Rate")
        self._bound, self._end = "", ""
        """What limits the rate, and the end of a scale at which the user is."""

    def compose(self) -> ComposeResult:
        yield self._rate
        yield self._concurrency
        yield self._legend
        yield self._shared
        yield self._plot

    def show(
        self, rate: RatePart, plot: SeriesPart, limits: tuple[SharedLimitRow, ...] = (), awaited: str = ""
    ) -> None:
        """Show the set and the achieved rate, what limits it, and the limits that are shared; `awaited` is
        what a run waits for of which all that is left is in batches, or would if it was at work.
        """
        self._rate.show(rate.rate, rate.achieved)
        self._rate.set_class(_is_short(rate), "-short")
        self._show_auto(rate.auto)
        self._concurrency.show(rate.concurrency, rate.in_flight)
        self._legend.show(rate, ("a", f"auto: {'on' if rate.auto.on else 'off'}"))
        self._plot.show(plot)
        self._shared.show(limits, self.size.height - _LEAST_OTHERS - (RATE_LINES - 2) * self._legend.display)
        self._bound = _with_auto(_bound_words(rate.binding, share_in_short(limits)), rate)
        if awaited and rate.binding in _AWAITS:
            self._bound = awaited
        self._write_border()

    def _write_border(self) -> None:
        self._border.show("Rate", self._bound, self._end)

    def _show_auto(self, auto: AutoPart) -> None:
        """Mark what was found by itself, while it is looked for."""
        self._rate.mark(auto.rate if auto.on else None)
        self._concurrency.mark(auto.at_once if auto.on else None)

    def nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        self._rate.nudge(steps)

    def keep_rate(self) -> None:
        """Show the set rate again: another one that was requested will not be set."""
        self._rate.forget()

    def on_resize(self, event: Resize) -> None:
        scaled = self.size.height >= RATE_LINES and not self.screen.has_class("compact")
        self._rate.set_class(scaled, "-scaled")
        self._legend.display = scaled
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def on_log_slider_at_end(self, event: LogSlider.AtEnd) -> None:
        """Say so in the lower border, until another value is requested or the focus goes."""
        event.stop()
        self._say_end(event.words)

    def _say_end(self, words: str) -> None:
        self._end = words
        self._write_border()

    def on_descendant_blur(self) -> None:
        self._say_end("")

    def on_log_slider_changed(self, event: LogSlider.Changed) -> None:
        event.stop()
        self._say_end("")
        if event.control is self._rate:
            self.post_message(self.RateChanged(self, event.value))
        elif event.value is not None:
            self.post_message(self.ConcurrencyChanged(self, round(event.value)))


def _is_short(rate: RatePart) -> bool:
    """True where much less than the set rate is achieved though there is work for more."""
    waits = rate.binding is not Binding.RATE and rate.binding not in _NO_BOUND
    return waits and rate.rate is not None and rate.achieved < _MUCH * rate.rate


def _bound_words(binding: Binding, share: str) -> str:
    """What binds, and the share of a limit; both in one where the share is what binds."""
    words = binding.value if binding in _NO_BOUND else f"bound by {binding.value}"
    if not share:
        return words
    return f"bound by shared: {share}" if binding is Binding.SHARED else f"shared: {share} · {words}"


def _with_auto(words: str, rate: RatePart) -> str:
    """The words with the rate that was found by itself, and why; as it is while that is not looked for."""
    if not rate.auto.on or rate.auto.rate is None:
        return words
    found = f"auto {number(rate.auto.rate)}/s{f', {rate.auto.why}' if rate.auto.why else ''}"
    if rate.binding is Binding.AUTO:
        return words.replace(Binding.AUTO.value, found)
    return f"{words} · {found}"
