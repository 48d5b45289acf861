"""What holds a run up, told without a dashboard: in words, as records, and once when it comes and goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from llmdash.engine.model.frame import Alert, EndpointRow, Frame
from llmdash.engine.model.states import AlertKind, EndpointState
from llmdash.reports.wording import left
from llmdash.sanitize import clean_line

__all__ = ["AlertLog", "alert_record", "alert_text", "endpoint_record", "endpoint_text", "held_text"]

LINGER_S = 5.0
"""Seconds for which an alert has to be gone before it counts as over; what comes and goes is told once."""

_AWAITED = {
    AlertKind.KEYS_REST: "back in",
    AlertKind.RETRY_BUDGET: "more in",
}
_FIRST_CLAUSE = re.compile(r"[:;] | \(| · ")


def alert_text(alert: Alert) -> str:
    """An alert on one line that is safe to show: what, when it passes, and what can be done."""
    parts = [clean_line(alert.text)]
    if alert.seconds is not None:
        parts.append(f"{_AWAITED.get(alert.kind, 'tried again in')} {left(alert.seconds)}")
    if alert.fix:
        parts.append(clean_line(alert.fix))
    return ", ".join(parts)


def held_text(frame: Frame) -> str:
    """The gravest alert, and how many there are besides; empty where nothing holds the run up."""
    if not frame.alerts:
        return ""
    more = len(frame.alerts) - 1
    return alert_text(frame.alerts[0]) + (f" (+{more} more)" if more else "")


def alert_record(alert: Alert) -> dict[str, Any]:
    """An alert for scripts; `seconds` until it passes or is tried again, None where it does not by itself."""
    return {
        "kind": alert.kind.name.lower(),
        "severity": alert.severity.value,
        "text": clean_line(alert.text),
        "mend": clean_line(alert.fix),
        "seconds": None if alert.seconds is None else round(alert.seconds, 1),
    }


def endpoint_record(row: EndpointRow) -> dict[str, Any]:
    """An endpoint for scripts; `state` is one of `up`, `down`, `probing`, `paused`."""
    return {
        "name": clean_line(row.name),
        "state": row.state.value,
        "returns_s": None if row.returns_in_s is None else round(row.returns_in_s, 1),
        "detail": clean_line(row.detail),
        "in_flight": row.in_flight,
    }


def endpoint_text(row: EndpointRow) -> str:
    """An endpoint in a few words, with the seconds until it is tried again: `openai down 8s: refused`."""
    back = "" if row.returns_in_s is None or row.state is EndpointState.UP else f" {left(row.returns_in_s)}"
    detail = f": {clean_line(row.detail)}" if row.detail else ""
    return f"{clean_line(row.name)} {row.state.value}{back}{detail}"


class AlertLog:
    """Says once that an alert has come, and once that it is over. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: dict[tuple[AlertKind, str], float] = {}
        self._seen: dict[tuple[AlertKind, str], float] = {}

    def changes(self, frame: Frame, now: float) -> Iterator[str]:
        """A line for each alert that is new, and for each that has been gone for a while."""
        for alert in frame.alerts:
            known = _identity(alert)
            if known not in self._since:
                self._since[known] = now
                yield f"{alert.severity.value}: {alert_text(alert)}"
            self._seen[known] = now
        for known, seen in list(self._seen.items()):
            if now - seen >= LINGER_S:
                lasted = round(seen - self._since.pop(known))
                del self._seen[known]
                yield f"over: {known[1]} (for {lasted} s)"


def _identity(alert: Alert) -> tuple[AlertKind, str]:
    """What makes two alerts the same one, whatever they count: kind and first clause."""
    return alert.kind, _FIRST_CLAUSE.split(clean_line(alert.text), maxsplit=1)[0]
