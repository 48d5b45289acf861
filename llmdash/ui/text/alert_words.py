"""Alerts in words."""

from __future__ import annotations

import re
from typing import Final

from llmdash.engine.model.frame import Alert
from llmdash.engine.model.states import AlertKind
from llmdash.sanitize import clean_line
from llmdash.ui.text.format import countdown

__all__ = ["awaited", "gist"]

_FIRST_CLAUSE: Final = re.compile(r"[:;] | \(| · | for \d")
_AWAITED: Final = {
    AlertKind.KEYS_REST: "back in",
    AlertKind.KEY: "back in",
    AlertKind.RETRY_BUDGET: "more in",
}


def awaited(alert: Alert) -> str:
    """Return the countdown to what happens by itself: `next try in 8s`; empty where nothing does."""
    if alert.passes_in_s is None:
        return ""
    return f"{_AWAITED.get(alert.kind, 'next try in')} {countdown(alert.passes_in_s)}"


def gist(alert: Alert) -> str:
    """Return the alert without its reason: `openai is down`, `All keys rest`."""
    return _FIRST_CLAUSE.split(clean_line(alert.text), maxsplit=1)[0]
