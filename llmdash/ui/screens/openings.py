"""The screens that the dashboard opens over itself, by name; each is loaded when it is first opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from llmdash.engine.model.frame import Frame
from llmdash.ui.dashboard.board import ColumnChoice

if TYPE_CHECKING:
    from textual.screen import Screen

    from llmdash.ui.dashboard.overlay import ErrorControls
    from llmdash.ui.screens.batches import BatchControls

    class DashboardControls(ErrorControls, BatchControls, Protocol):
        """What the dashboard does for any of them."""


__all__ = ["OPENINGS", "columns_screen", "errors_of_key", "graphs_at", "help_of", "inspector_of"]


def _alerts(_controls: DashboardControls, frame: Frame) -> Screen[None]:
    from llmdash.ui.screens.alerts import AlertsScreen

    return AlertsScreen(frame.alerts)


def _errors(controls: DashboardControls, _frame: Frame) -> Screen[None]:
    from llmdash.ui.screens.errors import ErrorsScreen

    return ErrorsScreen(controls)


def _figures(controls: DashboardControls, _frame: Frame) -> Screen[None]:
    from llmdash.ui.screens.figures import FiguresScreen

    return FiguresScreen(controls)


def errors_of_key(controls: DashboardControls, key: str) -> Screen[None]:
    """Return the screen of what that key has failed in."""
    from llmdash.ui.screens.errors import ErrorsScreen

    return ErrorsScreen(controls, key)


def _graphs(controls: DashboardControls, _frame: Frame) -> Screen[None]:
    from llmdash.ui.screens.graphs import GraphsScreen

    return GraphsScreen(controls)


def graphs_at(controls: DashboardControls, at_s: float | None, plot: int | None) -> Screen[None]:
    """Return the graphs with the cursor at a moment of the run, and one of the plots alone."""
    from llmdash.ui.screens.graphs import GraphsScreen

    return GraphsScreen(controls, at_s, plot)


def _workers(controls: DashboardControls, frame: Frame) -> Screen[None] | None:
    """None in a run without workers."""
    from llmdash.ui.screens.workers import WorkersScreen

    return WorkersScreen(controls) if frame.workers or frame.cluster else None


def _batches(controls: DashboardControls, _frame: Frame) -> Screen[None]:
    from llmdash.ui.screens.batches import BatchesScreen

    return BatchesScreen(controls)


def inspector_of(controls: DashboardControls, job: int) -> Screen[None]:
    """Return the screen of one job in full."""
    from llmdash.ui.screens.inspector import InspectorScreen

    return InspectorScreen(job, controls)


def columns_screen(choice: ColumnChoice, chosen: Callable[[tuple[str, ...] | None], None]) -> Screen[None]:
    """Return the screen on which the columns of the job table are chosen."""
    from llmdash.ui.screens.columns import ColumnsScreen

    return ColumnsScreen(*choice, chosen)


def help_of(screen: Screen[Any]) -> Screen[None]:
    """Return the help for a screen."""
    from llmdash.ui.screens.help import help_screen

    return help_screen(screen)


OPENINGS: Final[Mapping[str, Callable[[DashboardControls, Frame], Screen[None] | None]]] = {
    "alerts": _alerts,
    "batches": _batches,
    "errors": _errors,
    "figures": _figures,
    "graphs": _graphs,
    "workers": _workers,
}
"""What makes each screen, for the frame that is shown; it returns None where there is nothing to show."""
