"""SteadyScreen: bears what comes late, when another screen is shown or a widget is gone."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.geometry import Offset
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget

__all__ = ["SteadyScreen"]


class SteadyScreen(Screen[ScreenResultType]):
    """A screen that is left once, however often it is asked for, and whose mouse finds only what is there.

    Beside another base it comes second: Textual takes the style of a class from its first base alone.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """As Textual's, which closes the uppermost screen, even if this one lies below or is closed."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """As Textual's, which may find a widget that has been removed, and then fails to select in it."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        is_gone = widget is not None and widget is not self and widget.parent is None
        return (None, None) if is_gone else (widget, offset)
