"""Compares two kept runs: on a screen, or as text, Markdown, JSON and a file of rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmdash.config.prices import Prices, load_prices
from llmdash.engine.model.amounts import share
from llmdash.engine.model.changes import CHANGED, PairChange
from llmdash.engine.model.comparison import (
    PairsView,
)
from llmdash.engine.model.counts import counted
from llmdash.exit_codes import of_signal
from llmdash.lean_dataclass import dataclass
from llmdash.reports.export import check_free, check_writable
from llmdash.reports.output import Output
from llmdash.reports.streams import can_draw_on
from llmdash.reports.summary import encode_line
from llmdash.runs.comparison.comparison import RunComparison
from llmdash.runs.comparison.report import as_markdown, as_record, as_text
from llmdash.runs.comparison.rows_file import check_ending, row_object, write_rows
from llmdash.runs.comparison.viewer import ComparisonViewer
from llmdash.sanitize import clean_line
from llmdash.signals import Signals

__all__ = ["ComparisonOrder", "compare_in_words", "compare_on_screen"]

_CLEAR_LINE = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class ComparisonOrder:
    """Two runs by their folders, the changes that are asked for (all if empty), and where their rows go."""

    a: Path
    b: Path
    changes: frozenset[PairChange] = frozenset()
    out: Path | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Raise ExportError or one of its kinds if the rows cannot be written, before anything is read."""
        if self.out is None:
            return
        check_ending(self.out)
        check_writable(self.out)
        if not self.overwrite:
            check_free(self.out)

    def open(self, prices: Prices | None = None) -> RunComparison:
        """Open both journals. Raises JournalError, ConfigError for prices that cannot be read."""
        known = load_prices() if prices is None else prices
        return RunComparison(self.a, self.b, known.cost)

    @property
    def view(self) -> PairsView:
        """The pairs that are asked for."""
        return PairsView(changes=self.changes or CHANGED)


def compare_in_words(order: ComparisonOrder, form: str) -> int:
    """Compare the runs and print the totals as `text`, `markdown` or `json`; write the rows, if asked for.

    As JSON, a line for each pair comes first if changes are asked for. Return the exit code.
    """
    order.check()
    output = Output(sys.stdout)
    with order.open() as comparison:
        with _progress_shown() as show:
            for progress in comparison.steps():
                show(progress.done)
        if order.out is not None or (form == "json" and order.changes):
            comparison.order(order.view)
        if form == "json":
            for row in comparison.every_row() if order.changes else ():
                output.line(encode_line({"type": "pair", **row_object(row)}))
            output.line(encode_line(as_record(comparison.totals, comparison.runs)))
        else:
            write = as_markdown if form == "markdown" else as_text
            output.line(write(comparison.totals, comparison.runs))
        if order.out is not None:
            written = write_rows(comparison.every_row(), order.out, comparison.texts)
            Output(sys.stderr).line(
                f"llmdash: {counted(written, 'row')} written to {clean_line(str(order.out))}"
            )
    return 0


@contextmanager
def _progress_shown() -> Iterator[Callable[[float], None]]:
    """Yield what shows a share of the work on a terminal; elsewhere nothing is shown."""
    stream = sys.stderr
    if not can_draw_on(stream):
        yield lambda _done: None
        return

    def show(done: float) -> None:
        stream.write(f"{_CLEAR_LINE}comparing {share(done, 0):>4}")
        stream.flush()

    try:
        yield show
    finally:
        stream.write(_CLEAR_LINE)
        stream.flush()


def compare_on_screen(order: ComparisonOrder) -> int:
    """Show the comparison until its screen is left. Return the exit code."""
    from llmdash import locations
    from llmdash.launch.dashboard import run_app
    from llmdash.ui.app import LlmdashApp

    with ComparisonViewer(order.open(), Path.cwd()) as viewer, Signals() as signals:
        app = LlmdashApp(
            comparison=viewer,
            compared=order.view,
            shipped_themes=locations.themes_dir(),
            user_themes=locations.user_themes_dir(),
            preferences_path=locations.preferences_file(),
            keys_path=locations.keys_file(),
            signals=signals,
            fault=lambda: viewer.crash,
        )
        left_by = run_app(app, signals)
    return app.return_code or (0 if left_by is None else of_signal(left_by))
