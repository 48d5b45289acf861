"""Every action that keys run, by screen: what the user can give other keys, and where two would meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from typing import Final

from textual.dom import DOMNode

from llmdash.ui.settings.chosen_keys import ChosenKeys, KeyProblem
from llmdash.ui.text.keymap import BoundAction, bound_actions

__all__ = ["SCREENS", "bound_on", "conflicts", "every_action"]

_SLIDER: Final = "panels.rate_slider.LogSlider"
_EVENTS: Final = "tables.event_table.EventTable"
_ERRORS: Final = "tables.error_table.ErrorTable"
_WORKERS: Final = "panels.worker_panel.WorkerPanel"
_BATCHES: Final = "panels.batch_panel.BatchPanel"
_FILTER: Final = "panels.filter_bar.FilterBar"

SCREENS: Final[Mapping[str, Sequence[str]]] = {
    "screens.dashboard.DashboardScreen": (
        *(
            "tables.job_table.JobTable",
            _FILTER,
            "panels.key_panel.KeyPanel",
            _SLIDER,
            "stream.pane.StreamPane",
            "stream.tiles.StreamTiles",
        ),
        *("panels.replay_bar.ReplayBar", "panels.jump_bar.JumpBar", _WORKERS, _ERRORS, _EVENTS),
    ),
    "screens.home.HomeScreen": ("home.kept_table.KeptTable", "home.choice_strip.ChoiceStrip", _SLIDER),
    "screens.inspector.InspectorScreen": (
        *("inspector.text_pane.TextPane", "inspector.attempt_list.AttemptList"),
        "inspector.chunk_ruler.ChunkRuler",
    ),
    "screens.errors.ErrorsScreen": ("tables.group_table.GroupTable", _FILTER),
    "screens.graphs.GraphsScreen": (),
    "screens.figures.FiguresScreen": (),
    "screens.columns.ColumnsScreen": ("screens.columns.ColumnList",),
    "screens.workers.WorkersScreen": (_WORKERS,),
    "screens.batches.BatchesScreen": (_BATCHES,),
    "screens.send_batches.SendBatchesScreen": (),
    "screens.entry.EntryScreen": (),
    "screens.comparison.ComparisonScreen": ("tables.pair_table.PairTable", _FILTER),
    "screens.help.HelpScreen": (),
    "screens.alerts.AlertsScreen": (),
    "screens.budget.BudgetScreen": (),
    "screens.confirm.ConfirmScreen": (),
    "screens.leave.LeaveScreen": (),
    "screens.jump.JumpScreen": (),
}
"""Each screen with the widgets on it that have keys of their own, as modules of `llmdash.ui`: they are loaded
only where the user has chosen keys.
"""


def bound_on(name: str) -> tuple[BoundAction, ...]:
    """Return the actions of a screen or widget by its name in SCREENS."""
    module, _, kind = name.rpartition(".")
    node: type[DOMNode] = getattr(import_module(f"llmdash.ui.{module}"), kind)
    return bound_actions(node)


def every_action() -> Mapping[str, BoundAction]:
    """Return the actions of all screens by their ids, each as it is bound first."""
    found: dict[str, BoundAction] = {}
    for screen, widgets in SCREENS.items():
        for action in chain(bound_on(screen), *map(bound_on, widgets)):
            found.setdefault(action.id, action)
    return found


def conflicts(chosen: ChosenKeys) -> Iterator[KeyProblem]:
    """Yield a problem for each pair of actions of a place that a chosen key would both run: the one of the
    panel that has the focus goes before that of its screen.
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    for screen, widgets in SCREENS.items():
        places = [bound_on(screen), *((*bound_on(screen), *bound_on(widget)) for widget in widgets)]
        for place in places:
            for key, first, second in _meetings(place, chosen):
                pair = (key, frozenset((first.id, second.id)))
                if pair not in seen:
                    seen.add(pair)
                    yield _problem(chosen, key, first, second)


def _meetings(
    actions: Sequence[BoundAction], chosen: ChosenKeys
) -> Iterator[tuple[str, BoundAction, BoundAction]]:
    """(key, an action the user gave it to, another action that has it)."""
    by_key: dict[str, list[BoundAction]] = {}
    for action in actions:
        for key in chosen.keys.get(action.id, action.keys):
            by_key.setdefault(key, []).append(action)
    for key, met in by_key.items():
        for first in met:
            for second in met:
                if first.id in chosen.keys and key not in first.keys and second.id != first.id:
                    yield key, first, second


def _problem(chosen: ChosenKeys, key: str, first: BoundAction, second: BoundAction) -> KeyProblem:
    words = (
        f"{first.id}: {key} is the key of {second.id} ({second.name}) too; give one of the two another key"
    )
    return KeyProblem(chosen.path, chosen.lines.get(first.id, 1), words)
