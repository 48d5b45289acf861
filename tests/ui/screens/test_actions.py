"""Every binding of the interface can be given another key by one name, which means one thing."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from textual import actions
from textual.binding import Binding
from textual.dom import DOMNode

import llmdash.ui
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.actions import SCREENS, bound_on, conflicts, every_action
from llmdash.ui.settings.chosen_keys import ChosenKeys
from llmdash.ui.stream.lines_pane import LinesPane
from llmdash.ui.stream.searched_lines import SearchedLines
from llmdash.ui.tables.line_table import LineTable
from llmdash.ui.terminal_app import TerminalApp
from llmdash.ui.text.keymap import EVERYWHERE

PATH = Path("keys.toml")
BASES = (LineTable, LinesPane, SearchedLines)


def bound_classes() -> Iterator[type[DOMNode]]:
    """The classes of the interface that bind keys."""
    for module in pkgutil.walk_packages(llmdash.ui.__path__, "llmdash.ui."):
        for kind in vars(importlib.import_module(module.name)).values():
            is_own = isinstance(kind, type) and kind.__module__ == module.name
            if is_own and issubclass(kind, DOMNode) and kind.__dict__.get("BINDINGS"):
                yield kind


def test_every_class_that_binds_keys_is_in_the_table_of_screens() -> None:
    listed = {f"llmdash.ui.{name}" for screen, widgets in SCREENS.items() for name in (screen, *widgets)}
    bound = {f"{kind.__module__}.{kind.__qualname__}" for kind in bound_classes()}
    bases = {f"{kind.__module__}.{kind.__qualname__}" for kind in (LlmdashApp, TerminalApp, *BASES)}
    assert bound - bases == listed & bound
    assert listed - bound == set()


def test_every_described_binding_has_a_name() -> None:
    for kind in bound_classes():
        for binding in Binding.make_bindings(kind.__dict__["BINDINGS"]):
            assert binding.id or not binding.description, f"{kind.__name__}: import KeyBinding as Binding"


def owner(kind: type[DOMNode], namespace: str) -> list[type[DOMNode]]:
    """The classes of which one has the method of an action in this namespace."""
    if namespace == "app":
        return [LlmdashApp]
    if namespace != "screen":
        return [kind]
    name = f"{kind.__module__.removeprefix('llmdash.ui.')}.{kind.__qualname__}"
    return [class_of(screen) for screen, widgets in SCREENS.items() if name in widgets]


def class_of(name: str) -> type[DOMNode]:
    module, _, kind = name.rpartition(".")
    found: type[DOMNode] = getattr(importlib.import_module(f"llmdash.ui.{module}"), kind)
    return found


def test_every_binding_runs_an_action_that_is_there() -> None:
    for kind in bound_classes():
        for binding in Binding.make_bindings(kind.__dict__["BINDINGS"]):
            namespace, action, _parameters = actions.parse(binding.action)
            owners = owner(kind, namespace)
            assert owners, binding
            assert all(hasattr(each, f"action_{action}") for each in owners), (kind, binding)


def test_a_class_has_one_action_a_name() -> None:
    for screen, widgets in SCREENS.items():
        for name in (screen, *widgets):
            ids = [action.id for action in bound_on(name) if action.id != "back"]
            assert len(ids) == len(set(ids)), name


def test_what_is_everywhere_exists() -> None:
    assert set(EVERYWHERE) <= set(every_action())


def test_keys_as_they_are_at_first_are_no_conflict() -> None:
    first = {action.id: action.keys for action in every_action().values()}
    assert list(conflicts(ChosenKeys(PATH))) == list(conflicts(ChosenKeys(PATH, first))) == []


def test_a_key_for_two_actions_names_both_with_the_line() -> None:
    on_dashboard, on_graphs = conflicts(ChosenKeys(PATH, {"pause": ("g",)}, {"pause": 7}))
    assert str(on_dashboard) == (
        "keys.toml:7: pause: g is the key of graphs (Graphs) too; give one of the two another key"
    )
    assert "dashboard" in str(on_graphs)


def test_a_key_of_a_panel_meets_that_of_its_screen() -> None:
    problems = list(conflicts(ChosenKeys(PATH, {"drain": ("d",)}, {"drain": 2})))
    assert "drain: d is the key of disable-enable (Disable/enable) too" in str(problems[0])
    assert len(problems) == 2  # that of the workers' panel as well


def test_an_action_that_gave_its_key_away_is_no_conflict() -> None:
    chosen = ChosenKeys(PATH, {"pause": ("space",), "mark": ("p",)}, {"pause": 1, "mark": 2})
    assert list(conflicts(chosen)) == []
