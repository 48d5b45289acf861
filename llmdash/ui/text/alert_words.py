"""Alerts in words: whole where there is room, else the most important part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import Alert
from llmdash.engine.model.states import AlertKind
from llmdash.sanitize import clean_line
from llmdash.ui.text.badges import alert_badge, is_hold
from llmdash.ui.text.format import by_words, countdown

__all__ = ["GAP", "SEPARATOR", "AlertLine", "alert_line", "awaited", "gist", "over"]

GAP: Final = "  "
"""Between the badge and the text."""
SEPARATOR: Final = " · "
LEAST_TEXT: Final = 8
"""A text cut to fewer cells than this is left out."""
_FIRST_CLAUSE: Final = re.compile(r"[:;] | \(| · | for \d")
_AWAITED: Final = {
    AlertKind.KEYS_REST: "back in",
    AlertKind.RETRY_BUDGET: "more in",
}

_RELEASED: Final = {
    AlertKind.TRIAL: "released: the rest is sent",
    AlertKind.BUDGET: "there is room in the budget",
}
"""What is said where the user has ended it."""


class AlertLine(NamedTuple):
    """An alert on one line: the text, the countdown, and the fix; each may be empty.

    `whole` is False where something had to be left out.
    """

    badge: str
    text: str
    awaited: str
    fix: str
    whole: bool


def awaited(alert: Alert) -> str:
    """Return the countdown to what happens by itself: `next try in 8s`; empty where nothing does."""
    if alert.passes_in_s is None:
        return ""
    return f"{_AWAITED.get(alert.kind, 'next try in')} {countdown(alert.passes_in_s)}"


def gist(alert: Alert) -> str:
    """Return the alert without its reason: `openai is down`, `All keys rest`."""
    return _FIRST_CLAUSE.split(clean_line(alert.text), maxsplit=1)[0]


def over(alert: Alert) -> str:
    """Return what is said once it blocks no more: `over: openai is down`."""
    return _RELEASED.get(alert.kind, f"over: {gist(alert)}")


def alert_line(alert: Alert, width: int) -> AlertLine:
    """Return the alert in at most `width` cells. Where room is short the severity's word is left out first,
    then the reason, then the fix; texts are cut between words.
    """
    severity, text, fix = alert_badge(alert), clean_line(alert.text), clean_line(alert.fix)
    when = awaited(alert)
    for badge in (severity.text.rstrip(), severity.glyph):
        if _needed(badge, text, when, fix) <= width:
            return AlertLine(badge, text, when, fix, whole=True)
    if is_hold(alert):
        return _held_line(severity.glyph, text, fix, width)
    short = gist(alert)
    room = width - _needed(severity.glyph + GAP, "", when, fix)
    if room >= cell_len(short):
        return AlertLine(severity.glyph, by_words(text, room), when, fix, whole=False)
    room = width - _needed(severity.glyph, short, when) - len(SEPARATOR)
    if room >= LEAST_TEXT and fix:
        return AlertLine(severity.glyph, short, when, by_words(fix, room), whole=False)
    room = width - _needed(severity.glyph + GAP, "", when)
    if room >= LEAST_TEXT or not when:
        return AlertLine(severity.glyph, by_words(short, room), when, "", whole=False)
    return AlertLine(severity.glyph, by_words(short, width - 3), "", "", whole=False)


def _held_line(glyph: str, text: str, fix: str, width: int) -> AlertLine:
    """The keys that let the run go on go before what it waits for, which the header has too."""
    room = width - _needed(glyph + GAP, "", fix)
    if room >= LEAST_TEXT:
        _held, _colon, bare = text.partition(": ")
        fitting = text if cell_len(text) <= room else by_words(bare or text, room)
        return AlertLine(glyph, fitting, "", fix, whole=False)
    return AlertLine(glyph, by_words(fix, width - len(glyph + GAP)), "", "", whole=False)


def _needed(badge: str, text: str, *rest: str) -> int:
    """The cells a line of these parts takes."""
    parts: Sequence[str] = [part for part in rest if part]
    spaced = f"{badge}{GAP}{text}" if text else badge
    return cell_len(SEPARATOR.join([spaced, *parts]))
