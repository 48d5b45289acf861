"""The panel that says what Enter would send, how long that takes and costs; or why it sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Static

from llmdash.ui.home.forecast_words import LABEL, enter_words, forecast_lines

if TYPE_CHECKING:
    from llmdash.engine.model.forecast import ForecastPart
    from llmdash.ui.launcher import Launch

__all__ = ["ForecastPane"]


class ForecastPane(Static):
    """Shows a forecast, or why there is none. A refusal stays until `forget_refusal`.

    It has the class `-spends` where the run costs money, and `-refused` where it shows a refusal.
    """

    SCOPED_CSS: ClassVar[bool] = False  # rules for a narrow screen, which is outside
    DEFAULT_CSS = """
    ForecastPane.home-panel.-spends { border-subtitle-color: $text-warning; border-subtitle-style: bold; }
    ForecastPane.-refused { color: $text-error; text-style: bold; }
    .compact ForecastPane { text-wrap: nowrap; text-overflow: ellipsis; }
    .compact ForecastPane.-refused { text-wrap: wrap; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.border_title = Content("Forecast, an estimate")
        self._refused = ""

    @property
    def refuses(self) -> bool:
        """True while it says why Enter started nothing."""
        return bool(self._refused)

    def show(self, forecast: ForecastPart, launch: Launch, *, asks: bool) -> None:
        """Show what would come of a launch; the frame says what Enter does: where it `asks`, not yet that."""
        self.set_class(forecast.spends, "-spends")
        self.set_class(False, "-refused")
        self.border_subtitle = Content(enter_words(forecast, launch.trial, launch.endpoint, asks=asks))
        self.update(Content("\n").join(map(_labelled, forecast_lines(forecast, launch.budget))))

    def show_none(self, why: str) -> None:
        """Say why nothing can be sent."""
        self.set_class(False, "-spends")
        self.set_class(why == self._refused, "-refused")
        self.border_subtitle = None
        self.update(Content(why))

    def show_starting(self) -> None:
        """Say that a run is being started."""
        self.border_subtitle = Content("starting …")

    def refuse(self, why: str) -> None:
        """Say why Enter started nothing, until something is changed."""
        self._refused = why
        self.show_none(why)

    def forget_refusal(self) -> None:
        """Something was changed: the next forecast may be shown."""
        self._refused = ""


def _labelled(line: str) -> Content:
    return Content.assemble((line[:LABEL], "$foreground-muted"), line[LABEL:])
