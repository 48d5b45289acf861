"""The rate and the concurrency, each a slider, who shares its limits, and a small plot of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from llmdash.engine.model.frame import AutoPart, RatePart, SeriesPart, SharedLimitRow
from llmdash.engine.model.states import Binding
from llmdash.ui.charts.mini_plot import MiniPlot
from llmdash.ui.panels.rate_slider import LogSlider
from llmdash.ui.panels.shared_limits import SharedLimits
from llmdash.ui.text.format import number
from llmdash.ui.text.limit_words import share_in_short
from llmdash.ui.text.messages import FromWidget

__all__ = ["RatePanel"]

RATE_RANGE: Final = (0.1, 1000.0)
CONCURRENCY_RANGE: Final = (1.0, 512.0)
_NO_BOUND: Final = frozenset((Binding.HELD, Binding.FINISHED, Binding.WORKER))
"""Why nothing is sent, where no limit is the reason."""
_LEAST_OTHERS: Final = 3
"""Lines that the sliders and the plot need."""


class RatePanel(Vertical):
    """Two sliders, a line for each limit that is shared with other runs, and a small plot.

    The border title names what limits the rate.
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
        self._shared = SharedLimits()
        self._plot = MiniPlot()
        self._title = ""
        self._set_title("Rate")

    def compose(self) -> ComposeResult:
        yield self._rate
        yield self._concurrency
        yield self._shared
        yield self._plot

    def show(self, rate: RatePart, plot: SeriesPart, limits: tuple[SharedLimitRow, ...] = ()) -> None:
        """Show the set and the achieved rate, what limits it, and the limits that are shared."""
        self._rate.show(rate.rate, rate.achieved)
        self._show_auto(rate.auto)
        self._concurrency.show(rate.concurrency, rate.in_flight)
        self._plot.show(plot)
        self._shared.show(limits, self.size.height - _LEAST_OTHERS)
        self._set_title(_with_auto(_title(rate.binding, share_in_short(limits)), rate))

    def _show_auto(self, auto: AutoPart) -> None:
        """Mark the rate that was found by itself, while it is looked for."""
        self._rate.mark(auto.rate if auto.on else None)

    def nudge_rate(self, steps: int) -> None:
        """Request a rate `steps` steps of 12 % higher, or lower if negative."""
        self._rate.nudge(steps)

    def keep_rate(self) -> None:
        """Show the set rate again: another one that was requested will not be set."""
        self._rate.forget()

    def on_log_slider_changed(self, event: LogSlider.Changed) -> None:
        event.stop()
        if event.control is self._rate:
            self.post_message(self.RateChanged(self, event.value))
        elif event.value is not None:
            self.post_message(self.ConcurrencyChanged(self, round(event.value)))

    def _set_title(self, text: str) -> None:
        if text != self._title:
            self._title = text
            self.border_title = Content(text)


def _title(binding: Binding, share: str) -> str:
    """The title: what binds, and the share of a limit; both in one where the share is what binds."""
    if not share:
        return f"Rate · {_binding_words(binding)}"
    if binding is Binding.SHARED:
        return f"Rate · bound by shared: {share}"
    return f"Rate · shared: {share} · {_binding_words(binding)}"


def _with_auto(title: str, rate: RatePart) -> str:
    """The title with the rate that was found by itself, and why; as it is while that is not looked for."""
    if not rate.auto.on or rate.auto.rate is None:
        return title
    found = f"auto {number(rate.auto.rate)}/s{f', {rate.auto.why}' if rate.auto.why else ''}"
    if rate.binding is Binding.AUTO:
        return title.replace(Binding.AUTO.value, found)
    return f"{title} · {found}"


def _binding_words(binding: Binding) -> str:
    return binding.value if binding in _NO_BOUND else f"bound by {binding.value}"
