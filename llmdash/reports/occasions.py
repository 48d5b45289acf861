"""Occasions: when a run is at a point that its user wants to be told of."""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable
from typing import Final

from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import BY_COMMAND, AlertKind, RunState
from llmdash.reports.alerts import alerts_told
from llmdash.reports.wording import cost_of_run, count, share
from llmdash.sanitize import clean_line

__all__ = ["EVERY_S", "Occasion", "Occasions", "occasion_of", "occasion_words"]

EVERY_S: Final = 60.0
"""Seconds between two occasions at least."""


class Occasion(enum.Enum):
    """Why the user is told."""

    DONE = "done"
    HELD = "held"
    STOPPED = "stopped"


_OF_ALERTS: Final = {
    AlertKind.TRIAL: Occasion.HELD,
    AlertKind.BUDGET: Occasion.HELD,
    AlertKind.NO_BATCH: Occasion.HELD,
    AlertKind.DISK: Occasion.STOPPED,
    AlertKind.KILL_SWITCH: Occasion.STOPPED,
    AlertKind.KEYS_GONE: Occasion.STOPPED,
}
"""The alerts that last until the user does something."""


def occasion_of(frame: Frame) -> Occasion | None:
    """Return what the user wants to know of the run as it is; None while it goes on, and where the user
    stopped it.
    """
    run = frame.run
    if run.state is RunState.DONE:
        return Occasion.DONE
    if run.state is RunState.STOPPED and run.state_detail != BY_COMMAND:
        held = any(_OF_ALERTS.get(alert.kind) is Occasion.HELD for alert in frame.alerts)
        return Occasion.HELD if held else Occasion.STOPPED
    if run.state is RunState.STOPPED:
        return None
    return next((_OF_ALERTS[alert.kind] for alert in frame.alerts if alert.kind in _OF_ALERTS), None)


class Occasions:
    """Reports each occasion of a run once, and at most one in EVERY_S: a later one waits, and is dropped if
    it passes meanwhile. A run that is found done is no news.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: Occasion | None = None
        self._attempts: int | None = None
        """The attempts up to the last occasion, or those of earlier starts."""
        self._is_news = False
        self._reported_at = -math.inf

    def look(self, frame: Frame) -> Occasion | None:
        """Return the occasion to report now, if there is one; called with every frame, or a few a second."""
        if frame.run.state is RunState.STARTING:
            return None
        if self._attempts is None:
            self._attempts = frame.run.attempts if frame.run.state is RunState.DONE else -1
        found = occasion_of(frame)
        if found is not self._found:
            self._found = found
            self._is_news = found is not None and frame.run.attempts != self._attempts
        if found is None or not self._is_news or self._clock() - self._reported_at < EVERY_S:
            return None
        self._is_news, self._reported_at, self._attempts = False, self._clock(), frame.run.attempts
        return found


def occasion_words(occasion: Occasion, frame: Frame) -> str:
    """Return a line of what happened, safe to show: `arithmetic is done: 9,962 of 10,000, 38 failed`."""
    run = frame.run
    name = clean_line(run.name) or "the run"
    if occasion is Occasion.DONE:
        return f"{name} is done: {_figures(run)}"
    reason = alerts[0].text if (alerts := alerts_told(frame)) else run.state_detail
    return f"{name} {'is held' if occasion is Occasion.HELD else 'has stopped'}: {clean_line(reason)}"


def _figures(run: RunPart) -> str:
    figures = [f"{count(run.done)} of {count(run.jobs)}"]
    figures += [f"{count(run.failed + run.invalid)} failed"] if run.failed + run.invalid else []
    if run.score is not None and run.score.total:
        figures.append(f"{share(run.score.accuracy)} right")
    figures += [cost_of_run(run)] if run.cost is not None else []
    return ", ".join(figures)
