"""Alerts without a dashboard: as text, as records, and as a line when they come and go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from llmdash.engine.model.frame import Alert, EndpointRow, Frame
from llmdash.engine.model.states import AlertKind, EndpointState, Severity
from llmdash.reports.wording import left
from llmdash.sanitize import clean_line

__all__ = [
    "AlertLog",
    "alert_record",
    "alert_text",
    "alerts_told",
    "endpoint_record",
    "endpoint_text",
    "held_text",
    "held_up_text",
    "shell_fix",
]

LINGER_S = 5.0
"""Seconds for which an alert has to be gone before it counts as over, so that it is not reported again."""

_AWAITED = {
    AlertKind.KEYS_REST: "back in",
    AlertKind.RETRY_BUDGET: "more in",
}
_GO_ON = "fix that, then: llmdash ctl last resume"
_IN_A_SHELL = {
    AlertKind.KILL_SWITCH: _GO_ON,
    AlertKind.ENDPOINT: _GO_ON,
    AlertKind.KEYS_GONE: "put another key into .env, and it joins the run",
    AlertKind.TRIAL: "llmdash ctl last release runs the rest",
    AlertKind.NO_BATCH: "llmdash ctl last release sends them one by one",
    AlertKind.BUDGET: "llmdash ctl last budget DOLLARS raises it",
}
"""What helps where there is no dashboard with its keys and panels."""
_UNREACHABLE = "cannot connect to "
_FIRST_CLAUSE = re.compile(r"[:;] | \(| · | for \d")


def alert_text(alert: Alert) -> str:
    """Return an alert on one line that is safe to show: the text, the countdown, and the fix."""
    parts = [clean_line(alert.text)]
    if alert.passes_in_s is not None:
        parts.append(f"{_AWAITED.get(alert.kind, 'next try in')} {left(alert.passes_in_s)}")
    if fix := shell_fix(alert):
        parts.append(fix)
    return ", ".join(parts)


def shell_fix(alert: Alert) -> str:
    """Return what helps, for someone at a shell, on one safe line; empty where nothing does."""
    if alert.kind is AlertKind.ENDPOINT and not alert.fix and _UNREACHABLE in alert.text:
        return "see that its server runs, or set another BASE_URL"
    return clean_line(_IN_A_SHELL.get(alert.kind, alert.fix) if alert.fix else "")


def alerts_told(frame: Frame) -> tuple[Alert, ...]:
    """Return the alerts but those of single keys, which have a line and a notice of their own."""
    return tuple(alert for alert in frame.alerts if alert.kind is not AlertKind.KEY)


def held_text(frame: Frame) -> str:
    """Return the most severe alert, and the number of others; empty where nothing blocks the run."""
    alerts = alerts_told(frame)
    if not alerts:
        return ""
    more = len(alerts) - 1
    return alert_text(alerts[0]) + (f" (+{more} more)" if more else "")


def held_up_text(frame: Frame) -> str:
    """Return what held up a run that has ended with jobs left; empty where nothing did but the user's choice.

    Without a countdown: nothing comes by itself any more.
    """
    troubles = (alert for alert in alerts_told(frame) if alert.severity is not Severity.INFORMATION)
    return next((clean_line(alert.text) for alert in troubles), "")


def alert_record(alert: Alert) -> dict[str, Any]:
    """Return an alert for scripts; `seconds` until it passes or until the next try, None if only the user
    can.
    """
    return {
        "kind": alert.kind.name.lower(),
        "severity": alert.severity.value,
        "text": clean_line(alert.text),
        "fix": shell_fix(alert),
        "seconds": None if alert.passes_in_s is None else round(alert.passes_in_s, 1),
    }


def endpoint_record(row: EndpointRow) -> dict[str, Any]:
    """Return an endpoint for scripts; `state` is one of `up`, `down`, `probing`, `paused`."""
    return {
        "name": clean_line(row.name),
        "state": row.state.value,
        "returns_s": None if row.returns_in_s is None else round(row.returns_in_s, 1),
        "detail": clean_line(row.detail),
        "in_flight": row.in_flight,
    }


def endpoint_text(row: EndpointRow) -> str:
    """Return an endpoint in a few words, with the seconds until the next try: `openai down 8s: refused`."""
    back = "" if row.returns_in_s is None or row.state is EndpointState.UP else f" {left(row.returns_in_s)}"
    detail = f": {clean_line(row.detail)}" if row.detail else ""
    return f"{clean_line(row.name)} {row.state.value}{back}{detail}"


class AlertLog:
    """Reports once that an alert has come, and once that it is over. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: dict[tuple[AlertKind, str], float] = {}
        self._seen: dict[tuple[AlertKind, str], float] = {}

    def changes(self, frame: Frame, now: float) -> Iterator[str]:
        """Yield a line for each alert that is new, and for each that has been gone for a while."""
        for alert in alerts_told(frame):
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
    """The identity of an alert, whatever its counts: kind and first clause."""
    return alert.kind, _FIRST_CLAUSE.split(clean_line(alert.text), maxsplit=1)[0]
