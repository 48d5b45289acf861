"""Progress without a dashboard: lines of text, lines of JSON, or a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from llmdash.engine.model.frame import Frame, Notice
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, View
from llmdash.reports.alerts import AlertLog, alert_record, alerts_told, endpoint_record, held_text
from llmdash.reports.errors import KeptRun
from llmdash.reports.output import Output
from llmdash.reports.summary import encode_line, end_report, summary
from llmdash.reports.wording import count, counts_text, duration, eta, notice_line, run_state, share
from llmdash.sanitize import clean_line

__all__ = ["Display", "JsonDisplay", "LineDisplay", "display_for", "run_ended", "watch"]

TICK = 0.05
"""Seconds between two polls of the run: short, because the last one adds to the time of every run."""

PERIOD = 5.0
"""Seconds between two lines."""

STEPS = 10
"""Lines of text are also written at each tenth of the run."""


class Display(Protocol):
    """Where progress is shown. A context manager, so that the terminal is restored."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def progress(self, frame: Frame) -> None:
        """Update the progress; called often, shown at the display's own pace."""

    def notice(self, notice: Notice) -> None:
        """Show a notice at once."""

    def finish(self, frame: Frame, kept: KeptRun | None = None) -> None:
        """Show the result of the run, and where it is kept; the last output."""


def run_ended(frame: Frame) -> bool:
    """True once the run has ended."""
    return frame.run.state in (RunState.DONE, RunState.STOPPED)


def watch(
    session: Session,
    display: Display,
    *,
    until: Callable[[Frame], bool] = run_ended,
    sleep: Callable[[float], object] = time.sleep,
) -> Frame:
    """Show a run until `until` is true for a frame, and return that frame.

    Does not call `display.finish`: the caller does, once the run is closed and its final counts are in.
    """
    seen = 0
    with display:
        while True:
            frame = session.frame(View(jobs=JobsView(height=0), notices_after=seen))
            for notice in frame.notices:
                if notice.serial > seen:
                    seen = notice.serial
                    display.notice(notice)
            display.progress(frame)
            if until(frame):
                return frame
            sleep(TICK)


def display_for(
    stream: TextIO, *, json: bool = False, tty: bool = False, clock: Callable[[], float] = time.monotonic
) -> Display:
    """Return the display for `stream`: JSON lines if asked for, a bar on a terminal, else lines of text."""
    if json:
        return JsonDisplay(stream, clock)
    if tty:
        from llmdash.reports.bar import BarDisplay  # rich takes 40 ms to load, and scripts do not need it

        return BarDisplay(stream, clock)
    return LineDisplay(stream, clock)


class _Pace:
    """Decides when the next line is due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: float | None = None

    @property
    def now(self) -> float:
        return self._clock()

    def due(self, *, early: bool = False) -> bool:
        """True for the first call, at the end of each period, and if `early`."""
        now = self._clock()
        if self._last is not None and now - self._last < PERIOD and not early:
            return False
        self._last = now
        return True


class _Plain:
    """What the displays without a terminal share: a context without setup."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = Output(stream)
        self._pace = _Pace(clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.flush()


class LineDisplay(_Plain):
    """A line of text every five seconds and at each tenth of the run; notices and alerts as they come."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock)
        self._tenths = 0
        self._alerts = AlertLog()

    def progress(self, frame: Frame) -> None:
        run = frame.run
        self._tell_alerts(frame)
        if not run.jobs:
            return
        tenths = run.ended * STEPS // run.jobs
        if self._pace.due(early=tenths > self._tenths):
            self._tenths = tenths
            self._output.line(progress_line(frame))

    def notice(self, notice: Notice) -> None:
        self._output.line(notice_line(notice))

    def finish(self, frame: Frame, kept: KeptRun | None = None) -> None:
        self._tell_alerts(frame)
        self._output.line("\n" + end_report(frame, kept))

    def _tell_alerts(self, frame: Frame) -> None:
        for line in self._alerts.changes(frame, self._pace.now):
            self._output.line(line)


class JsonDisplay(_Plain):
    """A JSON object a line: `progress` every five seconds and when an alert comes or goes, `notice` as they
    come, `summary` at the end.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock)
        self._alerts = AlertLog()

    def progress(self, frame: Frame) -> None:
        if self._pace.due(early=self._changed(frame)):
            self._output.line(encode_line(_progress_record(frame)))

    def notice(self, notice: Notice) -> None:
        severity, text = notice.severity.value, clean_line(notice.text)
        self._output.line(encode_line({"type": "notice", "severity": severity, "text": text}))

    def finish(self, frame: Frame, kept: KeptRun | None = None) -> None:
        if self._changed(frame):
            self._output.line(encode_line(_progress_record(frame)))
        self._output.line(encode_line(summary(frame, kept)))

    def _changed(self, frame: Frame) -> bool:
        return any(list(self._alerts.changes(frame, self._pace.now)))


def _progress_record(frame: Frame) -> dict[str, Any]:
    run = frame.run
    return {
        "type": "progress",
        "run": clean_line(run.name),
        "state": run.state.value,
        "detail": clean_line(run.state_detail),
        "elapsed_s": round(run.elapsed_s, 3),
        "jobs": run.jobs,
        "done": run.done,
        "invalid": run.invalid,
        "failed": run.failed,
        "cancelled": run.cancelled,
        "in_flight": run.in_flight,
        "batched": run.batched,
        "attempts": run.attempts,
        "retries": run.retries,
        "rate": None if run.requests_per_s is None else round(run.requests_per_s, 3),
        "set_rate": None if frame.rate.rate is None else round(frame.rate.rate, 6),
        "auto": frame.rate.auto.on,
        "eta_s": None if run.ends_in_s is None else round(run.ends_in_s[1], 1),
        "alerts": [alert_record(alert) for alert in alerts_told(frame)],
        "endpoints": [endpoint_record(row) for row in frame.endpoints],
    }


def progress_line(frame: Frame) -> str:
    """Return the progress of a run on one line that is safe to show."""
    run = frame.run
    parts = [
        duration(run.elapsed_s),
        clean_line(run.name),
        f"{count(run.ended)}/{count(run.jobs)} {share(run.ended / run.jobs if run.jobs else None)}",
        counts_text(frame),
        f"ETA {eta(run)}",
        run_state(run),
        held_text(frame),
    ]
    return "  ".join(part for part in parts if part)
