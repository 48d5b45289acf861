"""Fixtures for every test of the user interface."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.widgets import Input

from tests.ui.waiting import at_rest

PARSE_RULES = Stylesheet._parse_rules
"""Textual's own."""
_PARSED: OrderedDict[Any, list[RuleSet]] = OrderedDict()
"""Style sheets as they were parsed for the apps of earlier tests, which have nearly the same ones."""
_MOST_PARSED = 4_000


@pytest.fixture(autouse=True)
def _rest_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot goes on, after a key or a pause, once the app has done all that follows from what was before.

    Textual itself looks at how much processor time the process takes, and for a second at most. On a machine
    that stands still, or whose cores are with others, it goes on while the key is still on its way.
    """
    for module in ("textual.pilot", "textual.app"):
        monkeypatch.setattr(f"{module}.wait_for_idle", at_rest)


@pytest.fixture(autouse=True)
def _toasts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A toast is still there when a test looks for it, however long the machine stood still meanwhile."""
    monkeypatch.setattr(App, "NOTIFICATION_TIMEOUT", 600.0)


@pytest.fixture(autouse=True)
def _cursors_do_not_blink(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor of a field is in its picture, however long the machine stood still meanwhile."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda field: None)


@pytest.fixture(autouse=True, scope="session")
def _a_style_sheet_is_parsed_once() -> Iterator[None]:
    """The rules of a style sheet depend on its text, its place and the variables; nobody changes them."""

    def parse_once(self: Stylesheet, *what: Any, **how: Any) -> list[RuleSet]:
        asked = (what, *sorted(how.items()), *self._variables.items())
        if asked not in _PARSED:
            _PARSED[asked] = PARSE_RULES(self, *what, **how)
        _PARSED.move_to_end(asked)
        if len(_PARSED) > _MOST_PARSED:
            _PARSED.popitem(last=False)
        return list(_PARSED[asked])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield
