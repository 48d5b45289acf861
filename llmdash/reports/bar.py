"""Progress on a terminal: a bar, the counts and a line for each key, redrawn in place by rich."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, Self, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame, KeyRow, Notice
from llmdash.engine.model.states import EndpointState, KeyState, Severity
from llmdash.reports.alerts import alert_text, alerts_told, endpoint_text
from llmdash.reports.errors import KeptRun
from llmdash.reports.output import Output
from llmdash.reports.summary import end_report
from llmdash.reports.wording import (
    count,
    counts_text,
    duration,
    eta,
    notice_line,
    run_state,
    share,
    state_word,
    title,
)
from llmdash.sanitize import clean_line

__all__ = ["BarDisplay"]

REDRAW = 0.1
"""Seconds between two updates."""

KEYS_SHOWN = 8

_NOTICE_STYLE = {Severity.INFORMATION: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}


class BarDisplay:
    """A bar that is redrawn ten times a second, notices above it, and the report in its place at the end.

    Everything goes in as `Text`, never as markup. The process's own output streams are left alone.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = Output(stream)
        self._console = Console(
            file=cast("IO[str]", self._output), force_terminal=True, highlight=False, markup=False
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._clock = clock
        self._drawn: float | None = None

    def __enter__(self) -> Self:
        self._live.start()
        self._console.show_cursor(True)  # so that the terminal is fine however the program ends or stops
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._output.flush()

    def progress(self, frame: Frame) -> None:
        now = self._clock()
        if self._drawn is None or now - self._drawn >= REDRAW:
            self._drawn = now
            self._live.update(_picture(frame), refresh=True)

    def notice(self, notice: Notice) -> None:
        self._console.print(Text(notice_line(notice), style=_NOTICE_STYLE[notice.severity]))

    def finish(self, frame: Frame, kept: KeptRun | None = None) -> None:
        self._output.line(end_report(frame, kept))


def _picture(frame: Frame) -> RenderableType:
    return Group(
        _line(_head(frame)),
        _bar(frame),
        _line(counts_text(frame)),
        *_alert_lines(frame),
        *_endpoint_lines(frame),
        *_key_lines(frame),
    )


def _head(frame: Frame) -> str:
    """The run, its elapsed time, and its state if it is not simply running."""
    run = frame.run
    return "  ".join(part for part in (title(frame), duration(run.elapsed_s), run_state(run)) if part)


def _bar(frame: Frame) -> Table:
    run = frame.run
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=1, no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    done = f"{count(run.ended)}/{count(run.jobs)} {share(run.ended / run.jobs if run.jobs else None)}"
    # A total of None would make the bar pulse on a clock of its own.
    bar = ProgressBar(total=max(1, run.jobs), completed=run.ended)
    grid.add_row(bar, Text(f"{done}  ETA {eta(run)}"))
    return grid


def _alert_lines(frame: Frame) -> Iterator[Text]:
    """The alerts; wrapped, so that the fix can be read."""
    for alert in alerts_told(frame):
        words = f"{alert.severity.value}: {alert_text(alert)}"
        yield Text(words, style=_NOTICE_STYLE[alert.severity])


def _endpoint_lines(frame: Frame) -> Iterator[Text]:
    """The endpoints that are not up."""
    for row in frame.endpoints:
        if row.state is not EndpointState.UP:
            yield _line(endpoint_text(row))


def _key_lines(frame: Frame) -> Iterator[Text]:
    label_width = max((len(clean_line(row.label)) for row in frame.keys), default=0)
    state_width = max((len(state_word(row)) for row in frame.keys), default=0)
    for row in frame.keys[:KEYS_SHOWN]:
        yield _line(_key_text(row, label_width, state_width))
    if len(frame.keys) > KEYS_SHOWN:
        yield _line(f"and {counted(len(frame.keys) - KEYS_SHOWN, 'more key')}")


def _key_text(row: KeyRow, label_width: int, state_width: int) -> str:
    head = f"{clean_line(row.label).ljust(label_width)}  {state_word(row).ljust(state_width)}"
    counts = f"{count(row.in_flight)} in flight, {count(row.ok)} ok, {count(row.throttled)} throttled"
    why = f" · {clean_line(row.detail)}" if row.detail and row.state is not KeyState.HEALTHY else ""
    return f"{head}  {counts}, {counted(row.errors, 'error')}{why}"


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")
