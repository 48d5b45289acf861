"""A comparison that is made, ordered and read in a thread of its own, while a screen looks at it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.comparison import ComparisonPart, PairRow, PairSort, PairsView
from llmdash.engine.model.counts import counted
from llmdash.reports.export import ExportError
from llmdash.runs.comparison.comparison import Progress, RunComparison
from llmdash.runs.comparison.rows_file import write_rows

__all__ = ["ComparisonViewer"]

_AROUND = 200
"""Rows that are read on both sides of those on screen."""
_MOST_ROWS = 1_000
_SERVED_EACH = 500
"""Rows of an export between two looks at what the screen wants."""


class ComparisonViewer:
    """A ComparisonSource over `comparison`, and a context manager that ends its thread.

    It closes the comparison, and exports into `folder`. An exception that is no JournalError ends the thread
    and is in `crash`.
    """

    def __init__(self, comparison: RunComparison, folder: Path) -> None:
        self._comparison = comparison
        self._folder = folder
        self._exports: list[PairsView] = []
        a, b = comparison.runs
        self._part = ComparisonPart(a, b)
        self._wanted = PairsView()
        self._ended = False
        self._changed = threading.Condition()
        self._order: tuple[PairsView, int] | None = None
        self._matching = 0
        self._thread = threading.Thread(target=self._work, name="llmdash-comparison", daemon=True)
        self.crash: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._comparison.interrupt()
        self._thread.join()
        self._comparison.close()

    def picture(self, view: PairsView) -> ComparisonPart:
        """Return what is known now; a later picture shows what `view` asks for in addition."""
        with self._changed:
            if view != self._wanted:
                self._wanted = view
                self._changed.notify()
            part = self._part
            more = part.busy or bool(self._exports) or part.view != view
        return replace(part, busy=more and not part.problem)

    def export(self, view: PairsView) -> None:
        """Write the pairs of a view to a new file of the folder; a later picture has a notice about it."""
        with self._changed:
            self._exports.append(view)
            self._changed.notify()

    # In the thread.

    def _work(self) -> None:
        try:
            self._compare()
            self._serve()
        except JournalError as error:
            if not self._ended:
                self._fail(str(error))
        except BaseException as crash:  # noqa: BLE001 - the thread's one boundary: the front end reads `crash`
            self.crash = crash
            self._fail("the comparison has crashed")

    def _fail(self, problem: str) -> None:
        self._show(lambda part: replace(part, problem=problem, busy=False))

    def _compare(self) -> None:
        for progress in self._comparison.steps():
            if self._ended:
                return
            self._show_progress(progress)
            self._read(self._wanted)

    def _show_progress(self, progress: Progress) -> None:
        self._show(lambda part: replace(part, totals=progress.totals, progress=progress.done))

    def _serve(self) -> None:
        """Show what is wanted until the end."""
        while (view := self._next_view()) is not None:
            self._read(view)
            while self._exports and not self._ended:
                self._write(self._exports[0])
                self._exports.pop(0)

    def _next_view(self) -> PairsView | None:
        """Wait for a view that is not shown yet; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._exports or self._wanted != self._part.view)
            return None if self._ended else self._wanted

    def _read(self, view: PairsView) -> None:
        """Read the rows around those on screen, and the pair that is shown in full."""
        totals = self._comparison.totals
        matching = self._ordered(view)
        first = max(0, view.first - _AROUND)
        rows = self._comparison.rows(first, min(_MOST_ROWS, view.height + 2 * _AROUND)) if view.height else ()
        detail = None if view.inspect is None else self._comparison.detail(view.inspect)
        self._show(
            lambda part: replace(
                part,
                view=view,
                matching=matching,
                first=first,
                rows=rows,
                detail=detail,
                busy=not totals.complete,
            )
        )

    def _ordered(self, view: PairsView) -> int:
        """Order the pairs, unless they are in this order already; return how many there are.

        Until all are read, an order other than that of the input is made once, and made again at the end.
        """
        totals = self._comparison.totals
        grows = view.sort is PairSort.INPUT and not view.text
        known = totals.count(view.changes) if grows else int(totals.complete)
        order = (_order_of(view), known)
        if order != self._order:
            self._matching = self._comparison.order(view)
            self._order = order
        return self._matching

    def _write(self, view: PairsView) -> None:
        """Write an export, and show whatever is wanted of the same order meanwhile."""
        path = _free_name(self._folder)
        self._ordered(view)
        try:
            written = write_rows(self._every_row(view), path, self._comparison.texts)
        except ExportError as error:
            self._report(str(error))
        else:
            if not self._ended:
                self._report(f"{counted(written, 'row')} in {path.name}")

    def _every_row(self, view: PairsView) -> Iterator[PairRow]:
        for place, row in enumerate(self._comparison.every_row()):
            if self._ended:
                return
            if place % _SERVED_EACH == 0 and _order_of(self._wanted) == _order_of(view):
                self._read(self._wanted)
            yield row

    def _report(self, notice: str) -> None:
        self._show(lambda part: replace(part, notices=(*part.notices, notice)))

    def _show(self, change: Callable[[ComparisonPart], ComparisonPart]) -> None:
        with self._changed:
            self._part = change(self._part)


def _order_of(view: PairsView) -> PairsView:
    """A view without what changes as it is scrolled."""
    return replace(view, first=0, height=0, inspect=None)


def _free_name(folder: Path) -> Path:
    """The first of `comparison.csv`, `comparison-2.csv`, ... that is not there yet."""
    path, number = folder / "comparison.csv", 1
    while path.exists():
        number += 1
        path = folder / f"comparison-{number}.csv"
    return path
