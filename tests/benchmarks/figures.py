"""What was measured, round by round, and the table of it: medians, ratios, and the bars beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

__all__ = [
    "OF_HEADLESS",
    "RATE",
    "SHARE",
    "THIS",
    "Figures",
    "Goal",
    "Goals",
    "Row",
    "ratio_table",
    "ratios",
    "records",
    "shown",
]

THIS = "llmdash"
RATE = "jobs/s"
SHARE = "% of ideal"
OF_HEADLESS = "% of headless"
_MORE_IS_BETTER = (RATE, SHARE, OF_HEADLESS, "chunks/s")


class Row(NamedTuple):
    """One line of the table: what was done, by whom, and the unit: a rate or a share, or what it costs.

    One that stands `alone` is compared with no other: no ratio to it would say anything.
    """

    what: str
    who: str
    unit: str
    alone: bool = False

    @property
    def is_compared(self) -> bool:
        """True if its ratio to llmdash counts, and not the figure itself."""
        return self.who != THIS and not self.alone


class Goal(NamedTuple):
    """What a row is to reach, and better: of those that llmdash is compared with the ratio to them, of all
    others the figure.
    """

    bar: float
    stretch: float | None = None


Figures = Mapping[Row, Sequence[float]]
"""A figure of each round for each row. The rows of THIS are what the others are compared with."""

Goals = Mapping[Row, Goal]


def ratios(figures: Figures, row: Row) -> list[float]:
    """How many times as good llmdash is as `row`, round by round: above 1 it is the better one.

    Within a round, since what else the machine does changes from round to round. Empty where llmdash was not
    measured, and without the rounds in which a figure is 0: nothing was done in them.
    """
    pairs = zip(figures.get(row._replace(who=THIS), ()), figures[row], strict=False)
    return [
        this / other if row.unit in _MORE_IS_BETTER else other / this
        for this, other in pairs
        if this and other
    ]


def records(figures: Figures, goals: Goals) -> list[dict[str, Any]]:
    """The rows for a file: every figure, the medians, the ratio to rows of others, the bars."""
    found = []
    for row, values in _grouped(figures):
        of_row = ratios(figures, row) if row.is_compared else []
        record = {**row._asdict(), "median": median(values), "min": min(values), "max": max(values)}
        record |= {
            "values": list(values),
            "ratio": median(of_row) if of_row else None,
            "ratios": of_row or None,
        }
        goal = goals.get(row)
        beside = of_row if row.is_compared else values
        reached = _reaches(row, median(beside), goal.bar) if goal and beside else None
        found.append({**record, "goal": goal and goal._asdict(), "reached": reached})
    return found


def ratio_table(figures: Figures, goals: Goals, missing: Mapping[str, str]) -> str:
    """The rows for people, with the spread of each figure and ratio, its bar, its stretch and whether it is
    there; below it what could not be measured, and why.
    """
    title = ("", "", "", "median", "min to max", "ratio", "min to max", "bar", "stretch", "")
    lines = [title, *_lines(figures, goals)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [
        "  ".join(
            cell.ljust(width) if place < 3 or place == 9 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*rows, *_notes(figures, missing)])


def _notes(figures: Figures, missing: Mapping[str, str]) -> Iterator[str]:
    """What could not be measured, and what was measured in fewer rounds than others."""
    yield from (f"not measured: {what}: {why}" for what, why in missing.items())
    most = max(map(len, figures.values()), default=0)
    times: dict[str, dict[int, list[str]]] = {}
    for row, found in figures.items():
        times.setdefault(row.what, {}).setdefault(len(found), []).append(row.who)
    for what, by_number in times.items():
        for number, who in by_number.items():
            if number < most:
                named = "" if len(by_number) == 1 else f": {', '.join(dict.fromkeys(who))}"
                yield f"measured {'once' if number == 1 else f'{number} times'} only: {what}{named}"


def _grouped(figures: Figures) -> Iterator[tuple[Row, Sequence[float]]]:
    """The rows that can be compared one below the other, in the order in which they were measured."""
    places = {what: place for place, what in enumerate(dict.fromkeys(row.what for row in figures))}
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(figures, key=lambda row: places[row.what]):
        groups.setdefault((row.what, row.unit), []).append(row)
    for group in groups.values():
        yield from ((row, figures[row]) for row in sorted(group, key=lambda row: row.who != THIS))


def _lines(figures: Figures, goals: Goals) -> Iterator[tuple[str, ...]]:
    above = ""
    for row, values in _grouped(figures):
        what, above = ("" if row.what == above else row.what), row.what
        cells = (what, row.who, row.unit, shown(median(values)), _spread(values))
        compared = ratios(figures, row) if row.is_compared else []
        ratio = (f"{median(compared):.2f}x", _spread(compared)) if compared else ("", "")
        beside = compared if row.is_compared else values
        yield (*cells, *ratio, *_goal(row, beside, goals.get(row)))


def _goal(row: Row, beside: Sequence[float], goal: Goal | None) -> tuple[str, str, str]:
    if goal is None or not beside:
        return "", "", ""
    figure = median(beside)
    mark = "x" if row.is_compared else ""
    if goal.stretch is not None and _reaches(row, figure, goal.stretch):
        verdict = "stretch"
    else:
        verdict = "bar" if _reaches(row, figure, goal.bar) else "below"
    stretch = "" if goal.stretch is None else f"{goal.stretch:g}{mark}"
    return f"{goal.bar:g}{mark}", stretch, verdict


def _reaches(row: Row, figure: float, wanted: float) -> bool:
    more = row.is_compared or row.unit in _MORE_IS_BETTER
    return figure >= wanted if more else figure <= wanted


def shown(figure: float) -> str:
    """Return a figure with as many digits as say something."""
    return (
        f"{figure:,.0f}"
        if abs(figure) >= 1_000
        else f"{figure:,.1f}"
        if abs(figure) >= 10
        else f"{figure:.2f}"
    )


def _spread(values: Sequence[float]) -> str:
    return f"{shown(min(values))} to {shown(max(values))}"
