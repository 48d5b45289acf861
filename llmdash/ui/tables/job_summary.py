"""The summary row of the job table: how many jobs wait and for what, or how they ended. Each figure is a
filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import JobsPart, RunPart
from llmdash.engine.model.states import Verdict, WaitReason
from llmdash.ui.tables.row_painter import CHOSEN, Cell
from llmdash.ui.text.format import count, duration
from llmdash.ui.text.verdict_names import verdict_name

__all__ = ["Figure", "SummaryRow", "figures"]

_BETWEEN: Final = " · "
_FOR: Final = {
    WaitReason.LIMITER: "for the rate",
    WaitReason.KEY: "for a key",
    WaitReason.ENDPOINT: "for the endpoint",
    WaitReason.MACHINE: "for the machine",
    WaitReason.DISK: "for the disk",
    WaitReason.WORKER: "for a worker",
    WaitReason.SHARED: "for the shared limit",
    WaitReason.SLOT: "for a slot",
    WaitReason.HELD: "for you",
}

_ALWAYS: Final = (WaitReason.LIMITER, WaitReason.KEY, WaitReason.MACHINE)


class Figure(NamedTuple):
    """A figure with its words, and the filter that shows these jobs."""

    number: int
    words: str
    filter: str
    style: str = "row"
    """Of the figure, while it is not 0: the end of a component class's name."""
    width: int = 0
    """The cells that the figure has at least, so that those behind it stay where they are."""
    more: str = ""
    """What is said besides, where there is room for it."""

    @property
    def text(self) -> str:
        return f"{count(self.number):>{self.width}} {self.words}{self.more}"


def figures(part: JobsPart, run: RunPart) -> tuple[Figure, ...]:
    """Return the figures: of what waits, or of what came of it once nothing does."""
    waits = part.queued or any(number for _reason, number in part.waiting)
    if waits and not run.state.ended:
        return tuple(_waiting(part, run))
    return tuple(_ended(part, run))


def _waiting(part: JobsPart, run: RunPart) -> Iterator[Figure]:
    yield Figure(part.queued, "queued", "state:queued", width=len(count(part.total)))
    if run.batched:
        yield Figure(run.batched, "batched", "state:batched", "active", width=len(count(part.total)))
    for reason, number in (dict.fromkeys(_ALWAYS, 0) | dict(part.waiting)).items():
        if reason in _FOR:
            longest = reason is WaitReason.LIMITER
            more = f", longest {duration(part.longest_wait_s)}" if longest else ""
            wanted = f"state:{_quoted(reason.value)}"
            yield Figure(number, f"wait {_FOR[reason]}", wanted, "warning", width=2, more=more)


def _ended(part: JobsPart, run: RunPart) -> Iterator[Figure]:
    yield Figure(run.failed, "failed", "state:failed", "error")
    if run.invalid:
        yield Figure(run.invalid, "invalid", "state:invalid", "error")
    if (score := run.score) is not None:
        check = part.check
        unlike = verdict_name(Verdict.NOT_EQUAL, check)
        yield Figure(score.not_equal, unlike, "is:wrong", "warning")
        yield Figure(
            score.not_parseable, verdict_name(Verdict.NOT_PARSEABLE, check), "is:unparseable", "warning"
        )
        yield Figure(score.right, "right", "is:right", "success")
    else:
        yield Figure(run.done, "done", "state:done", "success")
    if run.cancelled:
        yield Figure(run.cancelled, "cancelled", "state:cancelled")
    if run.batched:
        yield Figure(run.batched, "batched", "state:batched", "active")
    if part.queued:
        yield Figure(part.queued, "queued", "state:queued")


class SummaryRow:
    """The figures as they are shown, and which of them the keyboard has chosen."""

    def __init__(self) -> None:
        self.chosen: int | None = None
        self._figures: tuple[Figure, ...] = ()

    def show(self, shown: tuple[Figure, ...]) -> bool:
        """Take over new figures. Return whether they look different."""
        before, self._figures = self._figures, shown
        if self.chosen is not None:
            self.choose(self.chosen)
        return shown != before

    def choose(self, number: int | None) -> None:
        """Choose a figure, the nearest there is; None lets go."""
        last = len(self._figures) - 1
        self.chosen = None if number is None or last < 0 else max(0, min(number, last))

    @property
    def filter(self) -> str:
        """The filter of the chosen figure; empty where none is chosen."""
        return "" if self.chosen is None else self._figures[self.chosen].filter

    def pieces(self, width: int) -> list[Cell]:
        """Return the row in at most `width` cells; the last figures are left out where there is no room."""
        cells = [Cell(" ")]
        for number, figure in enumerate(self._fitting(width)):
            if number:
                cells.append(Cell(_BETWEEN, "line-table--faint"))
            ink, words = f"line-table--{figure.style if figure.number else 'faint'}", "line-table--muted"
            if number == self.chosen:
                ink = words = CHOSEN
            number_cell = Cell(f"{count(figure.number):>{figure.width}}", ink)
            cells += [number_cell, Cell(f" {figure.words}{figure.more}", words)]
        return cells

    def filter_at(self, x: int, width: int) -> str:
        """Return the filter of the figure at the cell `x`; empty between two, and beside them."""
        begin = 1
        for figure in self._fitting(width):
            end = begin + cell_len(figure.text)
            if begin <= x < end:
                return figure.filter
            begin = end + len(_BETWEEN)
        return ""

    def _fitting(self, width: int) -> Sequence[Figure]:
        if _end_of(self._figures) <= width:
            return self._figures
        shown = [figure._replace(more="") for figure in self._figures]
        while shown and _end_of(shown) > width:
            shown.pop()
        return shown


def _end_of(shown: Sequence[Figure]) -> int:
    """The cells of these figures in one line, with the blank before them."""
    return 1 + sum(cell_len(figure.text) for figure in shown) + len(_BETWEEN) * (len(shown) - 1)


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
