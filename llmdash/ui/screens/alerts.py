"""Everything that blocks the run or is wrong with it, in full, over the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from llmdash.engine.model.frame import Alert, Frame
from llmdash.engine.model.states import AlertKind
from llmdash.engine.model.view import View
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.alert_words import awaited
from llmdash.ui.text.badges import alert_badge
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Chosen, chosen_by, in_chosen_keys, key_of

__all__ = ["AlertsScreen"]

_TINTS = {
    "error": "$text-error",
    "warning": "$text-warning",
    "information": "$text-primary",
    "held": "$text-accent",
}


class AlertsScreen(ModalScreen[None], SteadyScreen[None]):
    """A list of alerts, live while it is open; the dashboard keeps updating behind it."""

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Alerts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,exclamation_mark,q", "dismiss", "Back"),
    ]

    def __init__(self, alerts: tuple[Alert, ...]) -> None:
        super().__init__()
        self._alerts = alerts

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="alerts") as box:
            box.border_title = Content("What blocks the run, and what is wrong besides")
            box.border_subtitle = Content(f"{key_of('back', 'esc', chosen_by(self))} closes")
            yield Static(self._content(), id="alert-list", markup=False)
        yield KeyBar()

    def _content(self) -> Content:
        return _listed(self._alerts, chosen_by(self))

    def wanted(self, view: View) -> View:
        return view

    def show_frame(self, frame: Frame) -> None:
        if frame.alerts != self._alerts:
            self._alerts = frame.alerts
            self.query_one("#alert-list", Static).update(self._content())


def _listed(alerts: tuple[Alert, ...], chosen: Chosen) -> Content:
    if not alerts:
        return Content.styled("Nothing blocks the run, and nothing is wrong.", "$text-success")
    return Content("\n\n").join(_in_full(alert, chosen) for alert in alerts)


def _text(alert: Alert) -> str:
    return (
        f"{alert.text}: {alert.detail}"
        if alert.detail and alert.kind is not AlertKind.KEYS_REST
        else alert.text
    )


def _in_full(alert: Alert, chosen: Chosen) -> Content:
    """A headline, and below it the countdown and the fix."""
    badge = alert_badge(alert)
    lines = [
        Content.assemble((badge.text, f"bold {_TINTS[badge.style]}"), "  ", (_text(alert), "bold")),
    ]
    if when := awaited(alert):
        lines.append(Content(f"  {when}"))
    if alert.fix:
        lines.append(Content.assemble("  ", (in_chosen_keys(alert.fix, chosen), "$foreground-muted")))
    return Content("\n").join(lines)
