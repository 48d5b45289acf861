"""What is wrong, an alert in a few words: whole, and in short."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmdash.engine.model.frame import Alert
from llmdash.engine.model.states import AlertKind, Severity
from llmdash.sanitize import clean_line
from llmdash.ui.text.alert_words import awaited, gist
from llmdash.ui.text.format import countdown

__all__ = ["Trouble", "trouble"]


class Trouble(NamedTuple):
    """One thing that is wrong: whole, in short, and the end of its component class's name."""

    whole: str
    short: str
    style: str


_COUNTDOWN: Final = 3
"""Cells of the longest countdown: what is beside a trouble stays where it is while the seconds go by."""
_STYLES: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "muted"}
_GLYPHS: Final = {
    AlertKind.KEY: "◐",
    AlertKind.KEYS_REST: "◐",
    AlertKind.WORKER: "◐",
    AlertKind.RETRY_BUDGET: "↻",
    AlertKind.ONE_BUCKET: "↻",
}


def trouble(alert: Alert) -> Trouble:
    """Return an alert as what is wrong."""
    style = _STYLES[alert.severity]
    glyph = "✖" if alert.severity is Severity.ERROR else _GLYPHS.get(alert.kind, "▲")
    if alert.kind is AlertKind.KEY:
        return _of_key(alert, glyph, style)
    parts = (clean_line(alert.text), clean_line(alert.detail), awaited(alert))
    return Trouble(f"{glyph} {', '.join(filter(None, parts))}", f"{glyph} {gist(alert)}", style)


def _of_key(alert: Alert, glyph: str, style: str) -> Trouble:
    """`key c3d4 dead: 401 ...`, or `key 77de rests 4s, server's hint`."""
    text, detail = clean_line(alert.text), clean_line(alert.detail)
    bare = text.removeprefix("key ")
    if alert.passes_in_s is None:
        said = f": {detail}" if detail else ""
        return Trouble(f"{glyph} {text}{said}", f"{glyph} {bare}", style)
    left = countdown(alert.passes_in_s)
    pad = " " * (_COUNTDOWN - len(left))
    short = f"{bare.removesuffix(' rests')} {left}{pad}"
    return Trouble(f"{glyph} {text} {left}{f', {detail}' if detail else ''}{pad}", f"{glyph} {short}", style)
