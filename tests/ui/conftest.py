"""Fixtures for every test of the user interface."""

from __future__ import annotations

import pytest
from textual.app import App

from tests.ui.waiting import at_rest


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
